"""`gc` throws away what no one needs, and never more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesosweep.testing.command import Mesosweep

COUNTING = (
    *("--species", "counting", "--algorithm", "count", "--sampler", "random", "--no-check"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
)


@pytest.fixture
def root(mesosweep: Mesosweep, here: Path) -> Path:
    """Return the folder of a finished sweep of three trials a stage, with things left over."""
    assert mesosweep("run-all", *COUNTING, "--trials", "3", "--parallel", "2").code == 0
    root = here / "sweeps/counting/count"
    left = root / "stage1/1/checkpoint/10"
    left.mkdir(parents=True)
    (left / "count.json").write_text("x" * 1000)
    (root / "stage1/1/.metrics.json.ab12cd_x").write_text("torn")
    return root


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def bundles(root: Path) -> set[str]:
    return {str(path.parent.relative_to(root)) for path in root.glob("stage*/*/models")}


def test_a_dry_run_says_what_would_go_and_touches_nothing(mesosweep: Mesosweep, root: Path) -> None:
    before = files(root)

    said = mesosweep("gc", "--dry-run")

    assert said.code == 0
    assert "periodic checkpoint of an ended trial" in said.out
    assert "1.0 kB" in said.out
    assert "would go in all" in said.out
    assert files(root) == before


def test_it_asks_before_it_deletes(mesosweep: Mesosweep, root: Path) -> None:
    before = files(root)

    said = mesosweep("gc")

    assert said.code == 2
    assert "Nobody is here to agree" in said.error
    assert files(root) == before


def test_only_left_overs_go_by_default(mesosweep: Mesosweep, root: Path) -> None:
    before = bundles(root)

    said = mesosweep("gc", "--yes", "--json")

    told = json.loads(said.out)
    assert told["deleted"] is True
    assert told["bytes"] == 1004
    assert bundles(root) == before
    assert not list(root.glob("stage*/*/checkpoint"))
    assert not (root / "stage1/1/.metrics.json.ab12cd_x").exists()


def test_winners_and_the_species_own_trial_stay(mesosweep: Mesosweep, root: Path) -> None:
    status = json.loads(mesosweep("status", "--json").out)

    mesosweep("gc", "--keep", "best", "--yes")

    winners = {f"stage{s['stage']}/{s['winner']['trial_id']}" for s in status["stages"]}
    own = {f"stage{s['stage']}/0" for s in status["stages"]}
    assert bundles(root) == winners | own
    assert all(Path(s["winner"]["checkpoint"]).is_file() for s in status["stages"])


def test_after_tidying_up_the_sweep_can_still_be_continued(
    mesosweep: Mesosweep, root: Path
) -> None:
    mesosweep("gc", "--keep", "best", "--yes")

    said = mesosweep("run-all", *COUNTING, "--trials", "4", "--parallel", "2")

    assert said.code == 0, said.err


def test_a_trial_that_may_go_on_keeps_its_checkpoint(mesosweep: Mesosweep, root: Path) -> None:
    (root / "stage1/1/metrics.json").unlink()

    said = mesosweep("gc", "--keep", "best", "--dry-run")

    assert "stage1/1/checkpoint" not in said.out
    assert "stage1/1/models" not in said.out


def test_a_winner_of_a_launch_is_no_loser_of_the_sweep(mesosweep: Mesosweep, root: Path) -> None:
    assert mesosweep("launch", *COUNTING, "--trials", "3", "--parallel", "2").code == 0
    launched = json.loads(mesosweep("status", "--stage", "1", "--json").out)

    mesosweep("gc", "--keep", "best", "--yes")

    assert Path(launched["stages"][0]["winner"]["checkpoint"]).is_file()
