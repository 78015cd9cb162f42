"""A policy zip opens in plain SB3, and is read here without running anything in it."""

from __future__ import annotations

import base64
import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stable_baselines3
import torch as th
from gymnasium import spaces

from mesosweep.algorithms._weights import AlgorithmName, put_policy, read_policy
from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import SIZE, TinyGround

ParentOf = Callable[..., Path]
OBSERVATIONS = np.random.default_rng(0).normal(size=(8, SIZE)).astype(np.float32)

KINDS: dict[AlgorithmName, str] = {
    "ppo": "stable_baselines3 PPO",
    "sac": "stable_baselines3 SAC",
    "tqc": "sb3_contrib TQC",
    "crossq": "sb3_contrib CrossQ",
    "trpo": "sb3_contrib TRPO",
}

_PLAIN = """
import sys
sys.modules["mesosweep"] = None  # an import of it raises
import importlib, numpy
for package, kind, zip in (words.split(" ", 2) for words in sys.argv[1:]):
    model = getattr(importlib.import_module(package), kind).load(zip, device="cpu")
    assert not any(name.startswith("mesosweep.") for name in sys.modules)
    numpy.savez(zip + ".npz", **{k: t.numpy() for k, t in model.policy.state_dict().items()})
    print(float(model.lr_schedule(1.0)))
"""


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Rewrite a zip member by member; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            changed = change(name, content)
            if changed is not None:
                archive.writestr(name, changed)


def test_plain_sb3_opens_it_where_mesosweep_is_not_installed(
    parents: Callable[[str, Lesson], Path], lesson_of: Callable[..., Lesson], tmp_path: Path
) -> None:
    falls = {"learning_rate": 1e-3, "learning_rate_end": 5e-4}
    paths = {name: tmp_path / f"{name}.zip" for name in KINDS}
    for name, path in paths.items():
        folder = parents(name, lesson_of(name, hyperparameters=falls))
        shutil.copy(folder / "parent.zip", path)

    # One process for all: most of its time is the start of torch.
    found = subprocess.run(
        [sys.executable, "-c", _PLAIN, *(f"{KINDS[name]} {path}" for name, path in paths.items())],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stderr
    assert list(map(float, found.stdout.split())) == [5e-4] * len(KINDS)
    for name, path in paths.items():
        ours = read_policy(path, algorithm=name).policy
        with np.load(f"{path}.npz") as theirs:
            assert set(theirs.files) == set(ours)
            for key, tensor in ours.items():
                np.testing.assert_array_equal(theirs[key], tensor.numpy())


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was executed",))


def test_reading_executes_no_pickle(name: str, parent_of: ParentOf, learner_of: Any) -> None:
    path = parent_of(name)
    ground = TinyGround()
    expected = learner_of(name).load(path, ground)(OBSERVATIONS)
    bomb = base64.b64encode(pickle.dumps(_Bomb())).decode()
    data = json.dumps({"policy_class": {":type:": "x", ":serialized:": bomb}}).encode()
    rewritten(path, lambda member, content: data if member == "data" else content)

    actions = learner_of(name).load(path, ground)(OBSERVATIONS)

    np.testing.assert_array_equal(actions, expected)


def test_a_pickle_in_place_of_weights_is_refused(
    name: str, parent_of: ParentOf, learner_of: Any
) -> None:
    path = parent_of(name)
    bomb = pickle.dumps(_Bomb())
    rewritten(path, lambda member, content: bomb if member == "policy.pth" else content)

    with pytest.raises(CheckpointDamaged, match=r"parent\.zip: not a whole policy zip"):
        learner_of(name).load(path, TinyGround())


def test_a_zip_that_sb3_alone_wrote_is_read_from_its_shapes(
    name: str, parent_of: ParentOf, learner_of: Any
) -> None:
    path = parent_of(name)
    expected = learner_of(name).load(path, TinyGround())(OBSERVATIONS)
    rewritten(path, lambda member, content: None if member == "mesosweep.json" else content)

    actions = learner_of(name).load(path, TinyGround())(OBSERVATIONS)

    np.testing.assert_array_equal(actions, expected)


def test_with_trust_its_pickled_settings_tell_the_activation(
    parent_of: ParentOf, learner_of: Any
) -> None:
    path = parent_of("ppo", hyperparameters={"activation_fn": "elu"})
    expected = learner_of("ppo").load(path, TinyGround())(OBSERVATIONS)
    rewritten(path, lambda member, content: None if member == "mesosweep.json" else content)

    trusted = learner_of("ppo").load(path, TinyGround(), trust=True)(OBSERVATIONS)
    guessed = learner_of("ppo").load(path, TinyGround())(OBSERVATIONS)

    np.testing.assert_array_equal(trusted, expected)
    assert not np.array_equal(guessed, expected)


class WideGround(TinyGround):
    """Another species: one observation number more."""

    def observation_space(self) -> Any:
        return spaces.Box(-1e3, 1e3, (SIZE + 1,), np.float32)


class StrongGround(TinyGround):
    """Another species: one actuator more."""

    def action_space(self) -> Any:
        return spaces.Box(-1, 1, (2,), np.float32)


@pytest.mark.parametrize("other", [WideGround, StrongGround])
def test_a_policy_of_another_body_is_refused(
    name: str, other: type[TinyGround], parent_of: ParentOf, learner_of: Any
) -> None:
    path = parent_of(name)

    with pytest.raises(CheckpointDamaged, match=r"parent\.") as caught:
        learner_of(name).load(path, other())

    assert "another species" in (caught.value.hint or "")


def test_a_policy_of_the_other_algorithm_is_refused(parent_of: ParentOf, learner_of: Any) -> None:
    path = parent_of("ppo")

    with pytest.raises(CheckpointDamaged, match="a policy of ppo, not of sac"):
        learner_of("sac").load(path, TinyGround())


@pytest.mark.parametrize("fault", ["missing", "cut", "empty", "text"])
def test_damaged_statistics_are_named(fault: str, parent_of: ParentOf, learner_of: Any) -> None:
    path = parent_of("ppo")
    statistics = path.with_name("parent.vecnormalize.npz")
    content = statistics.read_bytes()
    statistics.unlink()
    if fault != "missing":
        statistics.write_bytes(
            {"cut": content[: len(content) // 2], "text": b"hello"}.get(fault, b"")
        )

    with pytest.raises(CheckpointDamaged, match=r"parent\.vecnormalize\.npz") as caught:
        learner_of("ppo").load(path, TinyGround())

    assert caught.value.hint


def test_a_missing_zip_is_named(learner_of: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointDamaged, match="no such policy zip"):
        learner_of("ppo").load(tmp_path / "nowhere.zip", TinyGround())


def test_weights_that_are_none_are_refused(parent_of: ParentOf) -> None:
    path = parent_of("ppo")
    weights = read_policy(path, algorithm="ppo")
    model = stable_baselines3.PPO.load(path, device="cpu")
    next(iter(weights.policy.values())).fill_(th.nan)

    with pytest.raises(CheckpointDamaged, match="not finite"):
        put_policy(weights, model.policy)
