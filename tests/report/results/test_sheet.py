"""The CSV file: one line per trial, and nothing in it that was not measured."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from mesosweep.report.results.collecting import collect
from mesosweep.report.results.sheet import csv_text, write_csv
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_columns_that_scripts_depend_on(tmp_path: Path) -> None:
    rows = collect(make_up_sweep(tmp_path, MadeUp(trials=3)))

    names = list(table(csv_text(rows))[0])

    assert names[:2] == ["trial_id", "stage"]
    for name in (
        *("species", "algorithm", "attempt", "run_seed", "status", "reason", "origin", "seed"),
        *("ppo_learning_rate", "ppo_net_arch", "env_alive_bonus", "env_horizon_s"),
        *("panel_mean_reward", "mean_forward_vel", "mean_success_rate", "test_mean_reward"),
        *("training_duration_seconds", "steps_asked", "steps_trained"),
    ):
        assert name in names
    assert names[-10:] == [
        "best_mean_reward",
        "best_mean_episode_length",
        "last_mean_reward",
        "last_mean_episode_length",
        "reward_threshold",
        "ep_length_threshold",
        "forward_vel_threshold",
        "success_rate_threshold",
        "stage_passed",
        "gate_reasons",
    ]
    assert names[9:-10] == sorted(names[9:-10])


def test_numbers_are_told_exactly(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=1))
    record = json.loads((root / "stage1" / "0" / "metrics.json").read_text())

    told = table(csv_text(collect(root, stages=(1,))))[0]

    assert float(told["best_mean_reward"]) == record["best_mean_reward"]
    assert float(told["ppo_learning_rate"]) == record["assignment"]["ppo_learning_rate"]
    assert told["stage_passed"] == str(record["stage_passed"])
    assert told["ppo_net_arch"] == record["assignment"]["ppo_net_arch"]


def test_what_was_not_measured_is_empty_and_not_zero(tmp_path: Path) -> None:
    (tmp_path / "stage1" / "1").mkdir(parents=True)
    (tmp_path / "stage1" / "1" / "metrics.json").write_text("{")

    told = table(csv_text(collect(tmp_path)))[0]

    assert told["status"] == "unreadable"
    assert told["reason"]
    assert told["best_mean_reward"] == told["stage_passed"] == told["reward_threshold"] == ""


def test_a_reason_of_many_lines_with_commas_stays_in_its_field(tmp_path: Path) -> None:
    folder = tmp_path / "stage1" / "1"
    folder.mkdir(parents=True)
    record = {"status": "failed", "reason": 'Traceback:\n  "a", b\nValueError: no'}
    (folder / "metrics.json").write_text(json.dumps(record))

    write_csv(tmp_path / "out.csv", collect(tmp_path))

    (told,) = table((tmp_path / "out.csv").read_text())
    assert told["reason"] == 'Traceback: "a", b ValueError: no'
