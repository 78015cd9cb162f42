"""`train`: the production run from its first word to its last."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mesosweep.testing.command import Mesosweep

WORDS = (
    *("train", "--species", "counting", "--algorithm", "count", "--no-check"),
    *("--timesteps", "60", "--eval-freq", "10", "--eval-episodes", "4"),
    *("--panel-episodes", "4", "--test-episodes", "4"),
)
HOME = Path("train/counting/count")


def state(seed: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        (HOME / f"seed{seed}" / "sweep_state_counting_count.json").read_text()
    )
    return found


def test_every_seed_goes_through_the_whole_curriculum(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep(*WORDS, "--seed", "7", "--seeds", "2", "--parallel", "2")

    assert said.code == 0, said.err
    rows = [line.split() for line in said.out.splitlines()]
    done = [(row[0], row[1]) for row in rows if row[:1] in (["7"], ["8"]) and row[-1] == "passed"]
    assert done == [(seed, stage) for seed in "78" for stage in "123"]
    assert "2 of 2 passed" in said.out
    assert "seed 7: stage 2 locomotion: 60 steps, from " in said.err
    (first, *_) = [line for line in said.out.splitlines() if "best_model.zip" in line]
    assert (here / first.split(": ")[1]).is_file()
    assert "Next\n  mesosweep render " in said.out
    for seed in (7, 8):
        record = json.loads((HOME / f"seed{seed}/stage3/1/metrics.json").read_text())
        assert record["parent"]["uri"].endswith(f"seed{seed}/stage2/1/models/best_model.zip")
        assert record["test_episodes"] == 4


def test_run_again_it_trains_nothing_again(mesosweep: Mesosweep, here: Path) -> None:
    first = mesosweep(*WORDS)

    again = mesosweep(*WORDS)

    assert again.code == 0
    assert again.out == first.out
    assert "stage 3: trained already" in again.err


def test_another_plan_is_refused_before_anything_is_told_of_the_seeds(
    mesosweep: Mesosweep, here: Path
) -> None:
    first = mesosweep(*WORDS, "--seeds", "2", "--passes", "2")
    assert first.code == 0, first.err
    before = [state(seed) for seed in (42, 43)]

    said = mesosweep(*WORDS, "--seeds", "2", "--passes", "3")

    assert said.code == 2
    assert said.err.count("holds a sweep of another plan") == 1
    assert "passes" in said.err
    assert said.out == ""
    assert [state(seed) for seed in (42, 43)] == before


def test_overrides_are_scoped_to_their_stage(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep(*WORDS, "--override", "1.count.gain=0.9", "count.gain=0.4")

    assert said.code == 0, said.err
    gains = [
        json.loads((HOME / f"seed42/stage{n}/1/metrics.json").read_text())["parameters"][
            "count.gain"
        ]
        for n in (1, 2, 3)
    ]
    assert gains == [0.9, 0.4, 0.4]


def test_a_gate_that_was_not_passed_often_enough_stops_the_seed(
    mesosweep: Mesosweep, here: Path
) -> None:
    # It learns so slowly that only its last evaluations lie above the gate of stage 2.
    slow = ("--override", "2.env.action_weight=0.2", "--passes", "6")

    stopped = mesosweep(*WORDS, *slow)
    forced = mesosweep(*WORDS, *slow, "--on-gate-fail", "best")

    assert stopped.code == 3
    assert "not 6" in stopped.out
    assert "--on-gate-fail best" in stopped.out
    assert not (HOME / "seed42/stage3").exists() or forced.code == 3
    assert forced.code == 3
    assert "stage 1: trained already" in forced.err
    assert (HOME / "seed42/stage3/1/metrics.json").is_file()


def test_what_a_sweep_found_is_trained_and_judged_on_the_same_ground(
    mesosweep: Mesosweep, here: Path
) -> None:
    space = json.dumps(
        {
            "count_gain": {"type": "double", "min": 0.6, "max": 0.9},
            "env_action_weight": {"type": "double", "min": 2.0, "max": 3.0},
        }
    )
    swept = mesosweep(
        *("run-all", "--species", "counting", "--algorithm", "count", "--sampler", "random"),
        *("--trials", "1", "--no-default-trial", "--no-check", "--timesteps", "40"),
        *("--eval-freq", "20", "--panel-episodes", "4", "--test-episodes", "4"),
        *("--search-space", space, "--output-dir", "runs"),
    )
    assert swept.code == 0, swept.err

    said = mesosweep(*WORDS, "--from", "runs")

    assert said.code == 0, said.err
    for n in (1, 2, 3):
        found = json.loads(
            (here / f"runs/sweeps/counting/count/stage{n}/1/metrics.json").read_text()
        )
        ours = json.loads((HOME / f"seed42/stage{n}/1/metrics.json").read_text())
        assert ours["parameters"] == found["parameters"]
        config = json.loads((HOME / f"seed42/stage{n}/1/stage_config.json").read_text())
        assert config["reference"]["action_weight"] == 1.0
        assert 2.0 <= config["reward_weights"]["action_weight"] <= 3.0
    assert [path.name for path in HOME.glob("found-*/*")]
    # A folder of the sweep itself will do, and changes nothing.
    assert mesosweep(*WORDS, "--from", "runs/sweeps/counting/count").out == said.out


def test_a_stage_without_a_winner_is_said_to_be_trained_on_the_species_own(
    mesosweep: Mesosweep, here: Path
) -> None:
    swept = mesosweep(
        *("launch", "--stage", "1", "--species", "counting", "--algorithm", "count"),
        *("--sampler", "random", "--trials", "1", "--no-check", "--timesteps", "40"),
        *("--eval-freq", "20", "--panel-episodes", "4", "--test-episodes", "4"),
        *("--output-dir", "runs"),
    )
    assert swept.code == 0, swept.err

    said = mesosweep(*WORDS, "--from", "runs")

    assert said.code == 0, said.err
    line = "Stages 2, 3 of runs have no winner: the species' own settings are trained."
    assert said.err.count(line) == 1


def test_programs_read_the_same(mesosweep: Mesosweep, here: Path) -> None:
    told = json.loads(mesosweep(*WORDS, "--json").out)

    assert [seed["seed"] for seed in told["seeds"]] == [42]
    assert [stage["status"] for stage in told["seeds"][0]["stages"]] == ["finished"] * 3
    assert told["next"].startswith("mesosweep render ")


def test_a_trial_that_fails_breaks_its_seed_off_and_no_other(
    mesosweep: Mesosweep, here: Path
) -> None:
    said = mesosweep(*WORDS, "--override", "2.count.fault=fail", "--seeds", "2")

    assert said.code == 3
    assert said.out.count("told to fail half-way") == 2
    assert (HOME / "seed43/stage1/1/metrics.json").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--passes", "9"), "give 6 evaluations; --passes 9 in a row cannot be reached"),
        (("--from", "nowhere"), "No sweep in"),
        (("--from", "nowhere", "--stage-dir", "there"), "--from contradicts --stage-dir"),
        (("--on-gate-fail", "cry"), "unknown value 'cry'"),
        (("--override", "count.gian=1"), "unknown key"),
        (("--load", "none.zip"), "no such file"),
        (
            ("--override", "curriculum.gate.min_success_rate=0.9"),
            "eval_episodes 4: even with every one a success",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    mesosweep: Mesosweep, here: Path, words: tuple[str, ...], told: str
) -> None:
    said = mesosweep(*WORDS, *words)

    assert said.code == 2
    assert told in said.error
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_stopped_it_says_how_to_go_on_and_goes_on(mesosweep: Mesosweep, here: Path) -> None:
    words = [*WORDS, "--seeds", "2", "--parallel", "2", "--override", "count.seconds=30"]
    running = subprocess.Popen(
        [sys.executable, "-m", "mesosweep", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        folders = [HOME / f"seed{seed}/stage1/1/progress.jsonl" for seed in (42, 43)]
        for _ in range(600):
            if all(path.is_file() for path in folders):
                break
            time.sleep(0.1)
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=60)
    finally:
        running.kill()

    assert running.returncode == 130, told
    assert time.monotonic() - began < 15
    assert "go on with:" in told
    assert all(any((HOME / f"seed{seed}/stage1/1/checkpoint").iterdir()) for seed in (42, 43))
