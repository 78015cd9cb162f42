"""A sweep's folder may be moved, or named in another way, between two runs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.domain.winner import Winner
from mesosweep.stores.file import FileStore
from mesosweep.testing.store import KEY, a_state


def checkpoint(root: str, name: str = "best_model") -> Checkpoint:
    return Checkpoint(f"{root}/stage1/3/models/{name}.zip", "best", "3")


def a_sweep(root: str, *, start: str | None = None) -> SweepState:
    """Return a sweep whose second stage goes on from the first one's winner."""
    kept, final = checkpoint(root), checkpoint(root, "stage1_final")
    trial = Trial("3", 0, "finished", {}, checkpoint=kept, final_checkpoint=final)
    winner = Winner(trial=trial, objective=1.0, checkpoint=kept, gate_passed=True)
    first = StageState(1, "balance", trials=(trial,), winner=winner, parent=start)
    return replace(a_state(), stages=(first, StageState(2, "locomotion", parent=kept.uri)))


@pytest.fixture(autouse=True)
def _in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    for root in ("out/sweep", str(tmp_path / "elsewhere")):
        version = FileStore(Path(root)).save(KEY, a_sweep(root), replacing=None)

        assert FileStore(Path(root)).load(KEY) == (a_sweep(root), version)


def test_a_moved_sweep_finds_its_checkpoints_where_they_are_now(tmp_path: Path) -> None:
    FileStore(Path("out/sweep")).save(KEY, a_sweep("out/sweep"), replacing=None)
    Path("out").rename("moved")

    for root in ("moved/sweep", str(tmp_path / "moved" / "sweep")):
        loaded = FileStore(Path(root)).load(KEY)
        assert loaded is not None
        assert loaded[0] == a_sweep(root)


def test_a_sweep_is_found_from_its_own_folder_too() -> None:
    FileStore(Path("out/sweep")).save(KEY, a_sweep("out/sweep"), replacing=None)
    os.chdir("out/sweep")

    loaded = FileStore(Path()).load(KEY)

    assert loaded is not None
    assert loaded[0].stages[1].parent == "stage1/3/models/best_model.zip"


@pytest.mark.parametrize("start", ["/home/me/best_model.zip", "gs://bucket/best_model.zip"])
def test_what_the_first_stage_started_from_keeps_its_address(start: str) -> None:
    FileStore(Path("out")).save(KEY, a_sweep("out", start=start), replacing=None)
    Path("out").rename("moved")

    loaded = FileStore(Path("moved")).load(KEY)

    assert loaded is not None
    assert loaded[0].stages[0].parent == start


def test_a_bucket_stays_a_bucket() -> None:
    FileStore(Path("out")).save(KEY, a_sweep("gs://bucket/sweep"), replacing=None)

    loaded = FileStore(Path("out")).load(KEY)

    assert loaded is not None
    assert loaded[0] == a_sweep("gs://bucket/sweep")
