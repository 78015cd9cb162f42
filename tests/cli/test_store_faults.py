"""Folders and checkpoints that cannot be used: exit 5, in a sentence, and nothing lost."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from mesosweep.stores.lock import acquire_lock
from mesosweep.testing.command import Mesosweep

COUNTING = (
    *("--species", "counting", "--algorithm", "count", "--sampler", "random", "--no-check"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
    *("--parallel", "1"),
)


def snapshot(folder: Path) -> dict[Path, bytes]:
    """Return every file but the lock, which whoever tries it may write."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_a_folder_that_cannot_be_written_is_said_at_once(mesosweep: Mesosweep, here: Path) -> None:
    (here / "file").write_text("in the way")

    for command in ("run-all", "launch"):
        said = mesosweep(command, *COUNTING, "--output-dir", "file")
        assert said.code == 5
        assert "cannot be written" in said.error
    assert snapshot(here) == {here / "file": b"in the way"}


def test_a_second_supervisor_is_refused(mesosweep: Mesosweep, here: Path) -> None:
    root = here / "sweeps/counting/count"

    with acquire_lock(root, now=datetime(2026, 3, 1, tzinfo=UTC)):
        said = mesosweep("run-all", *COUNTING, "--trials", "1")
        tidied = mesosweep("gc", "--yes")

    assert said.code == 5
    assert f"Another mesosweep (pid {os.getpid()}" in said.error
    assert tidied.code == 2  # there is no state yet, so there is nothing to tidy up
    assert snapshot(here) == {}


def test_a_running_sweep_is_not_tidied_up(mesosweep: Mesosweep, here: Path) -> None:
    mesosweep("launch", *COUNTING, "--trials", "1")
    before = snapshot(here)

    with acquire_lock(here / "sweeps/counting/count", now=datetime(2026, 3, 1, tzinfo=UTC)):
        said = mesosweep("gc", "--yes")

    assert said.code == 5
    assert snapshot(here) == before


def test_a_winner_whose_bundle_is_not_whole_starts_no_stage(
    mesosweep: Mesosweep, here: Path
) -> None:
    assert mesosweep("run-all", *COUNTING, "--trials", "1").code == 0
    told = json.loads(mesosweep("status", "--json").out)
    policy = Path(told["stages"][0]["winner"]["checkpoint"])
    policy.write_bytes(policy.read_bytes()[:5])

    said = mesosweep("run-all", *COUNTING, "--trials", "1", "--trials-stage2", "2")

    assert said.code == 5
    assert str(policy.parent) in said.error


def test_status_says_when_nobody_is_at_work(mesosweep: Mesosweep, here: Path) -> None:
    mesosweep("launch", *COUNTING, "--trials", "2")
    (state,) = here.glob("sweeps/counting/count/*.json")
    document = json.loads(state.read_text())
    text = json.dumps(document)
    assert '"status": "finished"' in text
    # As if the sweep had been killed while its last trial ran.
    trials = document["stages"][0]["trials"]
    trials[-1]["status"] = "running"
    document["stages"][0] |= {"status": "running", "winner": None, "verified": None}
    state.write_text(json.dumps(document))
    lock = here / "sweeps/counting/count/.lock"

    lock.write_text("pid 999999999, since long ago")
    alone = mesosweep("status")
    lock.write_text(f"pid {os.getpid()}, since now")
    watched = mesosweep("status")

    assert "Nobody is running it now; 1 trial to go on with" in alone.out
    assert "Nobody" not in watched.out
