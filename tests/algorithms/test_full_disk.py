"""A disk that fills up while a learner saves is told as what it is, never as a fault of the trial."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch as th

from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._snapshot import Snapshot
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import Recorder, TinyGround


@contextmanager
def no_file_above(n_bytes: int) -> Iterator[None]:
    """Have the system refuse to write more into any file: as on a full disk, but for everybody."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def trained(
    name: str,
    learner_of: Callable[[str], SB3Learner],
    lesson_of: Callable[..., Lesson],
    tmp_path_factory: pytest.TempPathFactory,
) -> SB3Learner:
    learner, ground = learner_of(name), TinyGround()
    learner.train(lesson_of(name), ground, Recorder(ground, tmp_path_factory.mktemp("trained")))
    return learner


@pytest.mark.parametrize("room", [0, 1_000, 5_000])
def test_a_policy_that_finds_no_room(trained: SB3Learner, room: int, tmp_path: Path) -> None:
    with no_file_above(room), pytest.raises(OSError, match="File too large"):
        trained.save_final(tmp_path / "final.zip")


@pytest.mark.parametrize("numbers", [0, 40_000], ids=["tensors", "arrays"])
def test_a_periodic_checkpoint_that_finds_no_room(numbers: int, tmp_path: Path) -> None:
    snapshot = Snapshot(1, {}, {"a": np.zeros(numbers)}, {"t": {"w": th.zeros(40_000)}})

    with no_file_above(20_000), pytest.raises(OSError, match="File too large"):
        snapshot.write(tmp_path)
