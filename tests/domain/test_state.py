"""A stage as the fold of what became of its trials."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.state import StageState
from mesosweep.domain.trial import Trial, TrialStatus

IDS = st.sampled_from(["1", "2", "9", "10", "11", "local", "by hand"])
STATUSES: tuple[TrialStatus, ...] = ("running", "finished", "failed", "diverged")
TRIALS = st.builds(
    lambda trial_id, attempt, status, reward: Trial(
        trial_id, attempt, status, {}, best_mean_reward=reward
    ),
    IDS,
    st.integers(0, 2),
    st.sampled_from(STATUSES),
    st.integers(0, 5).map(float),
)


def folded(trials: list[Trial]) -> StageState:
    stage = StageState(1, "balance")
    for trial in trials:
        stage = stage.with_trial(trial)
    return stage


@given(trials=st.lists(TRIALS, max_size=20))
def test_each_attempt_and_id_is_one_trial_as_it_was_told_last(trials: list[Trial]) -> None:
    latest = {trial.identity: trial for trial in trials}

    stage = folded(trials)

    assert {trial.identity: trial for trial in stage.trials} == latest
    assert len(stage.trials) == len(latest)


@given(trials=st.lists(TRIALS, max_size=20, unique_by=lambda t: t.identity), luck=st.randoms())
def test_their_order_does_not_depend_on_when_they_were_told(
    trials: list[Trial], luck: random.Random
) -> None:
    others = list(trials)
    luck.shuffle(others)

    assert folded(trials) == folded(others)


def test_trials_come_by_attempt_then_by_number_then_words() -> None:
    known = [("10", 0), ("9", 0), ("local", 0), ("1", 1)]

    stage = folded([Trial(i, attempt, "running", {}) for i, attempt in reversed(known)])

    assert [t.identity for t in stage.trials] == [(0, "9"), (0, "10"), (0, "local"), (1, "1")]


@given(trials=st.lists(TRIALS, max_size=20))
def test_names_tell_all_trials_of_a_stage_apart(trials: list[Trial]) -> None:
    stage = folded(trials)

    names = [stage.called(trial) for trial in stage.trials]

    assert len(set(names)) == len(names)
    if len({trial.attempt for trial in stage.trials}) == 1:
        assert names == [trial.trial_id for trial in stage.trials]


def test_what_failed_in_a_job_that_was_followed_by_another_was_asked_for_again() -> None:
    first = [Trial("1", 0, "finished", {}), Trial("2", 0, "failed", {})]
    again = [Trial("1", 1, "failed", {}), Trial("2", 1, "running", {})]

    assert [t.identity for t in folded(first).ended] == [(0, "1"), (0, "2")]
    assert [t.identity for t in folded([*first, *again]).ended] == [(0, "1"), (1, "1")]
