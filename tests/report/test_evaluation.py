"""What is told of a checkpoint's episodes."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

from rich.console import Console

from mesosweep.domain.score import Episode, Gate, Score
from mesosweep.domain.seeds import evidence_seeds
from mesosweep.report.evaluation import (
    Evaluated,
    evaluation_csv,
    evaluation_document,
    evaluation_view,
    measures,
)
from mesosweep.report.summary import show

EPISODES = (
    Episode(7, 10.0, 500, "horizon", False, {"speed": 1.0}),
    Episode(8, 14.0, 200, "success", True, {"speed": 2.0}),
)
FOUND = Evaluated(
    species="raptor",
    algorithm="ppo",
    stage=3,
    stage_name="strike",
    checkpoint="models/best_model.zip",
    step=1_100_000,
    episodes=EPISODES,
    block="fresh",
    gate=Gate(min_success_rate=0.5),
    definitions={"speed": ("horizontal speed of the root", "m/s")},
    task="strike",
    steps_per_s=50.0,
)


def printed(found: Evaluated, *, next_command: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    with console.capture() as capture:
        show(console, evaluation_view(found, next_command=next_command))
    return capture.get()


def test_every_measure_has_its_unit_and_says_what_it_is() -> None:
    for row in measures(FOUND):
        assert row.unit
        assert row.summary


def test_means_come_with_their_interval_and_rates_with_their_bound() -> None:
    rows = {row.name: row for row in measures(FOUND)}

    assert (rows["reward"].mean, rows["reward"].low, rows["reward"].high) == (12.0, 10.0, 14.0)
    assert rows["reward"].half_width == FOUND.score.half_width
    assert (rows["success"].mean, rows["full_length"].mean) == (0.5, 1.0)
    assert "at least 0.03 with 95 % confidence" in rows["success"].summary
    assert "50 steps are a second" in rows["length"].summary
    assert rows["speed"].unit == "m/s"


def test_a_person_sees_why_episodes_ended_the_gate_and_what_is_next() -> None:
    text = printed(FOUND, next_command="mesosweep render it")

    assert "2 fresh episodes, seeds 7 to 8" in text
    assert "Ended by: horizon 1, success 1" in text
    assert "Gate: not passed; success (95 % lower bound) 0.02532 below 0.5" in text
    assert text.rstrip().endswith("mesosweep render it")


def test_a_seed_that_a_sweep_judges_by_is_not_called_fresh() -> None:
    (seed,) = evidence_seeds("panel", sweep_seed=42, stage=3, count=1)

    text = printed(replace(FOUND, episodes=[replace(EPISODES[0], seed=seed)]))

    assert f"1 episode that a sweep may have judged by, seed {seed}; one tells" in text


def test_one_episode_is_told_without_an_interval_or_a_spread() -> None:
    found = replace(FOUND, episodes=EPISODES[:1])

    text = printed(found)
    assert "1 fresh episode, seed 7; one tells no interval" in text
    assert "± 0" not in text
    measured = evaluation_document(found)["measures"]["reward"]
    assert (measured["mean"], measured["half_width_95"], measured["std"]) == (10.0, None, None)


def test_it_says_of_which_block_its_episodes_are() -> None:
    assert "2 episodes of its sweep's panel, seeds 7 to 8" in printed(replace(FOUND, block="panel"))


def test_what_doing_nothing_scores_stands_beside_it() -> None:
    text = printed(replace(FOUND, against={"zero": Score(2, 2.0, 0.0, 500.0, 1.0)}))

    assert "Over doing nothing: +10.0 ± 25.4 reward" in text


def test_a_stage_without_a_task_has_no_success_and_no_gate_is_no_passed_gate() -> None:
    balance = [replace(episode, success=None, reason="horizon") for episode in EPISODES]
    found = replace(FOUND, episodes=balance, gate=Gate())

    assert "success" not in {row.name for row in measures(found)}
    assert "Gate: –" in printed(found)


def test_a_metric_that_nobody_defined_is_shown_all_the_same() -> None:
    (row,) = [r for r in measures(replace(FOUND, definitions={})) if r.name == "speed"]

    assert row.mean == 1.5


def test_programs_read_every_episode() -> None:
    told = json.loads(json.dumps(evaluation_document(FOUND), allow_nan=False))

    assert told["measures"]["speed"]["unit"] == "m/s"
    assert told["gate"]["passed"] is False
    assert told["gate"]["min_success_rate"] == 0.5
    assert [e["seed"] for e in told["episodes"]] == [7, 8]
    assert told["score"]["half_width_95"] == FOUND.score.half_width


def test_what_is_not_finite_is_null_for_programs_and_said_to_people() -> None:
    broken = replace(FOUND, episodes=[replace(EPISODES[0], reward=math.inf), EPISODES[1]])

    assert evaluation_document(broken)["measures"]["reward"]["mean"] is None
    assert "not finite" in printed(broken)


def test_a_row_per_episode_with_a_column_per_metric() -> None:
    rows = list(csv.DictReader(io.StringIO(evaluation_csv(FOUND))))

    assert [row["reason"] for row in rows] == ["horizon", "success"]
    assert [row["success"] for row in rows] == ["0", "1"]
    assert [float(row["speed"]) for row in rows] == [1.0, 2.0]
