"""A state survives its file exactly, whatever it holds."""

from __future__ import annotations

import json
import string
import time
from dataclasses import replace
from datetime import UTC
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.state import StageState, StageStatus, SweepState
from mesosweep.domain.study import JobRef
from mesosweep.domain.trial import Checkpoint, Progress, Trial, TrialStatus
from mesosweep.domain.winner import Winner
from mesosweep.stores.state_json import as_json, read, written
from mesosweep.testing.store import a_state

# NaN equals nothing, itself included, so it has a test of its own.
numbers = st.floats(allow_nan=False) | st.integers(-(10**6), 10**6).map(float)
words = st.text(string.printable + "σ–…", max_size=8)
names = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
moments = st.datetimes(timezones=st.just(UTC))
values = st.booleans() | st.integers() | numbers | words
maps = st.dictionaries(names, values, max_size=3)
scores = st.builds(
    Score,
    episodes=st.integers(1, 100),
    mean_reward=numbers,
    std_reward=numbers,
    mean_length=numbers,
    full_length_rate=numbers,
    success_rate=st.none() | numbers,
    metrics=st.dictionaries(names, numbers, max_size=2),
)
checkpoints = st.builds(
    Checkpoint, uri=words, kind=st.sampled_from(["best", "final"]), trial_id=words
)
trials = st.builds(
    Trial,
    trial_id=words,
    attempt=st.integers(0, 5),
    status=st.sampled_from(get_args(TrialStatus)),
    assignment=maps,
    parameters=maps,
    origin=words,
    best_mean_reward=st.none() | numbers,
    panel=st.none() | scores,
    verdict=st.none() | st.builds(Verdict, st.booleans(), st.lists(words, max_size=2).map(tuple)),
    checkpoint=st.none() | checkpoints,
    final_checkpoint=st.none() | checkpoints,
    steps_asked=st.none() | st.integers(0),
    steps_trained=st.none() | st.integers(0),
    duration_s=st.none() | numbers,
    reason=st.none() | words,
    seed=st.none() | st.integers(0),
)
stages = st.builds(
    StageState,
    stage=st.integers(1, 9),
    name=words,
    status=st.sampled_from(get_args(StageStatus)),
    attempt=st.integers(0, 5),
    parent=st.none() | words,
    study_key=st.none() | words,
    job=st.none() | st.builds(JobRef, words, words, st.none() | words),
    trials_wanted=st.integers(0, 99),
    trials=st.lists(trials, max_size=2).map(tuple),
    winner=st.none() | st.builds(Winner, trials, numbers, checkpoints, st.booleans()),
    verified=st.none() | st.builds(Verified, scores, scores, scores, scores, st.none() | scores),
    gate_forced=st.booleans(),
    reason=st.none() | words,
    started_at=st.none() | moments,
    ended_at=st.none() | moments,
)
states = st.builds(
    SweepState,
    species=words,
    algorithm=words,
    fingerprint=words,
    comparables=st.dictionaries(names, st.none() | st.integers() | words | st.lists(words)),
    attempt=st.integers(0, 9),
    stages=st.lists(stages, max_size=2).map(tuple),
    started_at=st.none() | moments,
    finished_at=st.none() | moments,
    writer=st.dictionaries(names, words, max_size=2),
)


@given(states)
@settings(deadline=None)
def test_reading_gives_back_what_was_written(state: SweepState) -> None:
    assert read(written(state)) == state


@given(states)
@settings(deadline=None)
def test_whole_numbers_stay_whole_and_flags_stay_flags(state: SweepState) -> None:
    again = read(written(state))

    for before, after in zip(_all_trials(state), _all_trials(again), strict=True):
        assert _typed(before.assignment) == _typed(after.assignment)


@given(states, st.data())
@settings(deadline=None)
def test_a_file_cut_anywhere_is_refused(state: SweepState, data: st.DataObject) -> None:
    text = written(state).rstrip()
    cut = data.draw(st.integers(0, len(text) - 1))

    with pytest.raises(ValueError, match=r"."):
        read(text[:cut])


def test_a_score_that_is_no_number_survives_and_the_file_stays_json() -> None:
    spoilt = _with(Trial("1", 0, "diverged", {}, best_mean_reward=float("nan")))

    text = written(spoilt)
    (trial,) = read(text).stages[0].trials

    assert trial.best_mean_reward != trial.best_mean_reward
    assert "NaN" not in text


def test_where_a_trial_stands_right_now_is_not_saved() -> None:
    running = _with(Trial("1", 0, "running", {}, progress=Progress(step=77)))

    assert read(written(running)).stages[0].trials[0].progress is None
    assert "77" not in written(running)


def test_scripts_find_what_the_docs_promise() -> None:
    score = Score(30, 5.0, 1.0, 100.0, 1.0)
    best = Checkpoint("stage1/1/models/best_model.zip", "best", "1")
    trial = Trial(
        "1", 0, "finished", {"ppo_gamma": 0.98}, best_mean_reward=6.0, panel=score, checkpoint=best
    )
    state = _with(trial)
    won = replace(
        state.stages[0],
        winner=Winner(trial, 5.0, best, gate_passed=True),
        verified=Verified(replace(score, mean_reward=4.5), score, score, score),
    )

    data = as_json(replace(state, stages=(won,)))

    assert {"version", "species", "algorithm", "attempt", "fingerprint", "stages"} <= set(data)
    stage = data["stages"][0]
    assert (stage["stage"], stage["status"], stage["gate_passed"]) == (1, "pending", True)
    shown = stage["trials"][0]
    assert shown["parameters"] == {"ppo_gamma": 0.98}
    assert (shown["best_mean_reward"], shown["panel_mean_reward"]) == (6.0, 5.0)
    winner = stage["winner"]
    assert (winner["trial_id"], winner["best_mean_reward"]) == ("1", 6.0)
    assert (winner["panel"]["mean_reward"], winner["test"]["mean_reward"]) == (5.0, 4.5)
    assert winner["checkpoint"]["uri"] == best.uri


def test_a_later_schema_is_refused_by_its_number() -> None:
    data = {**as_json(a_state()), "version": 2}

    with pytest.raises(ValueError, match="schema version 2; this mesosweep reads version 1"):
        read(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"stages": {}}, "stages: a list was expected"),
        ({"stages": [3]}, r"stages\[0\]: an object was expected, not 3"),
        ({"attempt": "0"}, "attempt: a whole number was expected, not '0'"),
        ({"started_at": "yesterday"}, "started_at: a date and time was expected"),
    ],
)
def test_a_fault_is_named_with_its_place(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(json.dumps({**as_json(a_state()), **change}))


def test_a_fault_deep_inside_is_named_with_its_place() -> None:
    data = as_json(_with(Trial("1", 0, "finished", {})))
    data["stages"][0]["trials"][0]["status"] = "sleeping"

    with pytest.raises(
        ValueError, match=r"stages\[0\]\.trials\[0\]\.status: 'sleeping' is none of"
    ):
        read(json.dumps(data))


def test_a_missing_key_is_named() -> None:
    data = as_json(a_state())
    del data["stages"][1]["trials"]

    with pytest.raises(ValueError, match=r"stages\[1\]\.trials: missing"):
        read(json.dumps(data))


def test_a_thousand_finished_trials_load_in_under_a_second() -> None:
    score = Score(30, 5.0, 1.0, 100.0, 1.0, metrics={f"metric_{n}": 0.1 * n for n in range(12)})
    best = Checkpoint("stage1/1/models/best_model.zip", "best", "1")
    many = tuple(
        Trial(
            str(n),
            0,
            "finished",
            {f"ppo_{i}": 0.1 * i for i in range(12)},
            parameters={f"ppo.{i}": 0.1 * i for i in range(60)},
            best_mean_reward=float(n),
            panel=score,
            verdict=Verdict(passed=True),
            checkpoint=best,
            final_checkpoint=best,
        )
        for n in range(1_000)
    )
    state = _with(*many)
    text = written(state)

    before = time.process_time()
    again = read(text)
    took_s = time.process_time() - before

    assert again == state
    assert took_s < 1.0


def _with(*trials: Trial) -> SweepState:
    state = a_state(stages=1)
    return replace(state, stages=(replace(state.stages[0], trials=trials),))


def _all_trials(state: SweepState) -> list[Trial]:
    return [trial for stage in state.stages for trial in stage.trials]


def _typed(values: Any) -> dict[str, tuple[type, Any]]:
    return {name: (type(value), value) for name, value in values.items()}
