"""`export`: what a sweep found, for use elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesosweep.testing.command import Mesosweep

SPACE = json.dumps({"env_action_weight": {"type": "double", "min": 2.0, "max": 3.0}})
COUNTING = (
    *("--species", "counting", "--algorithm", "count", "--sampler", "random"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
    *("--no-check", "--trials", "1", "--no-default-trial", "--search-space", SPACE),
)


def test_found_stages_are_stage_files_that_judge_as_before(
    mesosweep: Mesosweep, here: Path
) -> None:
    assert mesosweep("run-all", *COUNTING).code == 0

    said = mesosweep("export", "stages", "found")

    assert said.code == 0, said.err
    assert [Path(line).name for line in said.out.splitlines()] == [
        "stage1_balance.toml",
        "stage2_locomotion.toml",
        "stage3_strike.toml",
    ]
    assert "mesosweep train --species counting --algorithm count --stage-dir found" in said.err
    text = (here / "found/stage1_balance.toml").read_text()
    assert text.startswith("# Found by mesosweep: counting, count, plan ")
    shown = json.loads(
        mesosweep("stages", "show", "counting", "1", "--stage-dir", "found", "--json").out
    )
    (stage,) = shown["stages"]
    assert stage["env"]["action_weight"] == 1.0
    assert 2.0 <= stage["env.train"]["action_weight"] <= 3.0
    assert stage["timesteps"] == 100
    trial = ("trial", *COUNTING[:4], "--stage-dir", "found", "--timesteps", "20")
    assert mesosweep(*trial, "--eval-freq", "10", "--panel-episodes", "4").code == 0


def test_a_stage_that_has_no_winner_is_the_species_own(mesosweep: Mesosweep, here: Path) -> None:
    assert mesosweep("launch", *COUNTING, "--stage", "2").code == 0

    assert mesosweep("export", "stages", "found", "--stage", "2").code == 0

    assert "stage 1 has no winner yet" in (here / "found/stage1_balance.toml").read_text()
    assert "Found by" in (here / "found/stage2_locomotion.toml").read_text()


def test_files_that_are_there_are_left_alone(mesosweep: Mesosweep, here: Path) -> None:
    assert mesosweep("run-all", *COUNTING).code == 0
    (here / "found").mkdir()
    (here / "found/stage2_locomotion.toml").write_text("mine")

    said = mesosweep("export", "stages", "found")

    assert said.code == 2
    assert "already there" in said.error
    assert [path.name for path in (here / "found").iterdir()] == ["stage2_locomotion.toml"]


def test_the_zoo_knows_only_its_own_algorithms(mesosweep: Mesosweep) -> None:
    assert mesosweep("run-all", *COUNTING).code == 0

    said = mesosweep("export", "zoo", "logs")

    assert said.code == 2
    assert "none that rl-baselines3-zoo knows" in said.error


def test_a_checkpoint_is_of_no_launch(mesosweep: Mesosweep) -> None:
    said = mesosweep("export", "zoo", "logs", "stage1", "--stage", "1")

    assert said.code == 2
    assert "--stage 1: names a sweep, and stage1 is one checkpoint already" in said.error


@pytest.mark.parametrize("what", ["stages", "zoo"])
def test_without_a_sweep_it_says_where_it_looked(mesosweep: Mesosweep, what: str) -> None:
    said = mesosweep("export", what, "there")

    assert said.code == 2
    assert "No sweep in this folder" in said.error
