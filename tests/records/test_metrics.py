"""The record of a trial: complete, honest about what was not measured, readable for good."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.errors import StateDamaged
from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.trial import Checkpoint, Evaluation, Trial
from mesosweep.records.metrics import (
    Circumstances,
    Damaged,
    add_verified,
    read_metrics,
    read_trial,
    write_metrics,
)
from mesosweep.records.scores import evaluation_from, evaluation_to

SCORE = Score(30, 812.5, 20.25, 950.0, 0.9, 0.5, {"forward_velocity": 1.75, "drift": 0.1})
ABOUT = Circumstances(
    species="velociraptor",
    algorithm="ppo",
    stage=2,
    best=Evaluation(40_000, SCORE),
    last=Evaluation(50_000, replace(SCORE, mean_reward=700.0)),
    parent={"uri": "stage1/7/models/best_model.zip", "step": 30_000},
    versions={"mesosweep": "0.1", "torch": "2.13"},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stage2" / "7" / "metrics.json"


def a_trial(path: Path) -> Trial:
    models = path.parent / "models"
    return Trial(
        trial_id="7",
        attempt=1,
        status="finished",
        assignment={"ppo_gamma": 0.99},
        parameters={"ppo.gamma": 0.99, "ppo.batch_size": 64, "env.alive_bonus": 1.5},
        best_mean_reward=812.5,
        panel=SCORE,
        verdict=Verdict(False, ("reward 812.5 below 900",)),
        checkpoint=Checkpoint(str(models / "best_model.zip"), "best", "7"),
        final_checkpoint=Checkpoint(str(models / "stage2_final.zip"), "final", "7"),
        steps_asked=50_000,
        steps_trained=50_000,
        duration_s=12.5,
        seed=77,
    )


def test_a_trial_comes_back_as_it_was(path: Path) -> None:
    write_metrics(path, a_trial(path), ABOUT)

    assert read_trial(path) == a_trial(path)


def test_the_record_has_the_names_that_scripts_depend_on(path: Path) -> None:
    write_metrics(path, a_trial(path), ABOUT)

    told = json.loads(path.read_text())
    assert told["status"] == "finished"
    assert told["parameters"]["env.alive_bonus"] == 1.5
    assert (told["steps_asked"], told["steps_trained"]) == (50_000, 50_000)
    assert (told["best_mean_reward"], told["last_mean_reward"]) == (812.5, 700.0)
    assert told["best_mean_episode_length"] == 950.0
    assert told["last_mean_episode_length"] == 950.0
    assert told["panel_mean_reward"] == 812.5
    assert told["panel_success_rate"] == 0.5
    assert told["panel_drift"] == 0.1
    assert (told["mean_forward_vel"], told["mean_success_rate"]) == (1.75, 0.5)
    assert told["gate"] == {"passed": False, "reasons": ["reward 812.5 below 900"]}
    assert told["stage_passed"] is False
    assert told["parent"]["step"] == 30_000
    assert (told["seed"], told["training_duration_seconds"]) == (77, 12.5)
    assert (told["species"], told["algorithm"], told["stage"]) == ("velociraptor", "ppo", 2)
    assert told["library_version"] == "0.1"
    assert told["versions"]["torch"] == "2.13"


def test_who_chose_the_parameters_is_not_the_workers_to_say(path: Path) -> None:
    write_metrics(path, replace(a_trial(path), origin="model"), ABOUT)

    assert "origin" not in json.loads(path.read_text())


def test_a_moved_folder_takes_its_checkpoints_along(path: Path, tmp_path: Path) -> None:
    write_metrics(path, a_trial(path), ABOUT)

    moved = tmp_path / "elsewhere"
    path.parent.rename(moved)

    trial = read_trial(moved / "metrics.json")
    assert isinstance(trial, Trial)
    assert trial.checkpoint is not None
    assert trial.checkpoint.uri == str(moved / "models" / "best_model.zip")


def test_a_checkpoint_in_a_bucket_keeps_its_address(path: Path) -> None:
    away = Checkpoint("gs://bucket/best_model.zip", "best", "7")
    write_metrics(path, replace(a_trial(path), checkpoint=away), ABOUT)

    trial = read_trial(path)
    assert isinstance(trial, Trial)
    assert trial.checkpoint == away


def test_what_was_not_measured_is_null(path: Path) -> None:
    failed = Trial("8", 0, "diverged", {}, reason="The loss became nan at step 12.")
    write_metrics(path, failed, Circumstances("velociraptor", "ppo", 1))

    told = json.loads(path.read_text())
    assert told["best_mean_reward"] is None
    assert told["panel_mean_reward"] is None
    assert told["last_mean_reward"] is None
    assert told["gate"] is None
    assert read_trial(path) == failed


def test_a_number_that_is_none_comes_back_as_one_that_never_wins(path: Path) -> None:
    bad = replace(a_trial(path), panel=replace(SCORE, mean_reward=math.inf))
    write_metrics(path, bad, ABOUT)

    trial = read_trial(path)

    assert json.loads(path.read_text())["panel_mean_reward"] is None
    assert isinstance(trial, Trial)
    assert trial.objective("panel_mean_reward") is None


def test_a_trial_that_has_not_ended_has_no_record(path: Path) -> None:
    assert read_metrics(path) is None
    assert read_trial(path) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"status": "grand"}', "null", "\x00\x01"],
)
def test_a_damaged_record_is_a_reason_not_an_exception(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)

    found = read_trial(path)

    assert isinstance(found, Damaged)
    assert str(path) in found.reason


@given(cut=st.floats(0, 0.999))
def test_a_record_cut_anywhere_is_never_taken_for_a_trial(
    cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "metrics.json"
    write_metrics(path, a_trial(path), ABOUT)
    whole = path.read_bytes().rstrip()

    path.write_bytes(whole[: int(len(whole) * cut)])

    assert isinstance(read_trial(path), Damaged)


def test_the_winners_record_gains_its_verified_score(path: Path) -> None:
    write_metrics(path, a_trial(path), ABOUT)
    verified = Verified(
        winner=replace(SCORE, episodes=100, mean_reward=790.0),
        zero=replace(SCORE, mean_reward=10.0),
        random=replace(SCORE, mean_reward=-5.0),
        untrained=replace(SCORE, mean_reward=1.0),
    )

    add_verified(path, verified)

    told = json.loads(path.read_text())
    assert told["test_mean_reward"] == 790.0
    assert told["test_episodes"] == 100
    assert told["test_against"]["zero"]["mean_reward"] == 10.0
    assert told["test_against"]["default"] is None
    assert read_trial(path) == a_trial(path)


def test_nothing_is_added_to_a_record_that_is_not_there(path: Path) -> None:
    with pytest.raises(StateDamaged, match=r"metrics\.json"):
        add_verified(path, Verified(SCORE, SCORE, SCORE, SCORE))


numbers = st.floats(allow_nan=False, allow_infinity=False)
scores = st.builds(
    Score,
    episodes=st.integers(1, 1000),
    mean_reward=numbers,
    std_reward=numbers,
    mean_length=numbers,
    full_length_rate=st.floats(0, 1),
    success_rate=st.none() | st.floats(0, 1),
    metrics=st.dictionaries(st.text(max_size=5), numbers, max_size=3),
)


@given(evaluation=st.none() | st.builds(Evaluation, step=st.integers(0, 10**9), score=scores))
def test_an_evaluation_survives_json(evaluation: Evaluation | None) -> None:
    assert evaluation_from(json.loads(json.dumps(evaluation_to(evaluation)))) == evaluation
