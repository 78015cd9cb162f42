"""A gate must be passed several times in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mesosweep.backends.consecutive import Consecutive, longest_pass
from mesosweep.domain.score import Gate, Score, Verdict
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.ports import Clock, TrialOrder

GATE = Gate(min_avg_reward=10.0)
PASSED = Trial("1", 0, "finished", {}, panel=Score(30, 12.0, 1.0, 9.0, 1.0), verdict=Verdict(True))


class OneTrial:
    """A runner with one trial, which does what it is told and remembers it."""

    def __init__(self, trial: Trial, *rewards: float) -> None:
        self.trial = trial
        self.rewards = rewards
        self.told: list[object] = []

    def known(self, study: Study) -> Sequence[Trial]:
        return [self.trial]

    def poll(self, study: Study) -> Sequence[Trial]:
        return [self.trial]

    def start(self, order: TrialOrder) -> None:
        self.told.append(order)

    def capacity(self, study: Study) -> int:
        return 3

    def wait(self, study: Study, clock: Clock) -> None:
        self.told.append("wait")

    def stop(self, study: Study, *, gently: bool) -> None:
        self.told.append(("stop", gently))

    def evaluations(self, study: Study, trial: Trial) -> Sequence[Evaluation]:
        return evaluations(*self.rewards)

    def end_early(self, study: Study, trial: Trial, reason: str) -> None:
        self.told.append((trial.trial_id, reason))


def evaluations(*rewards: float) -> list[Evaluation]:
    return [
        Evaluation(10 * place, Score(5, reward, 1.0, 9.0, 1.0))
        for place, reward in enumerate(rewards, start=1)
    ]


def a_study(gate: Gate = GATE) -> Study:
    return Study(
        key="k",
        species="counting",
        algorithm="count",
        stage=1,
        stage_name="balance",
        attempt=0,
        folder="sweep/stage1",
        space=SearchSpace({}),
        trials=1,
        parallel=1,
        settings=TrialSettings(timesteps=100, n_envs=1),
        gate=gate,
    )


def judged(trial: Trial, *rewards: float, passes: int, gate: Gate = GATE) -> Trial:
    study, runner = a_study(gate), Consecutive(OneTrial(trial, *rewards), passes)
    (polled,) = runner.poll(study)
    assert list(runner.known(study)) == [polled]
    return polled


@pytest.mark.parametrize(
    ("rewards", "longest"),
    [((), 0), ((1, 2), 0), ((11,), 1), ((11, 9, 12, 13), 2), ((11, 12, 13, 1), 3)],
)
def test_the_longest_run_counts(rewards: tuple[float, ...], longest: int) -> None:
    assert longest_pass(evaluations(*rewards), GATE) == longest


def test_enough_in_a_row_leave_the_panels_word() -> None:
    assert judged(PASSED, 1, 11, 12, 13, passes=3) == PASSED


def test_too_few_in_a_row_are_a_missed_gate_that_says_so() -> None:
    trial = judged(PASSED, 11, 12, 1, 13, passes=3)

    assert not trial.passed
    assert trial.verdict == Verdict(False, ("passed by at most 2 evaluations in a row, not 3",))


def test_what_the_panel_missed_is_told_first() -> None:
    missed = replace(PASSED, verdict=Verdict(False, ("reward 9 below 10",)))

    trial = judged(missed, 1, passes=1)

    assert trial.verdict is not None
    assert trial.verdict.reasons[0] == "reward 9 below 10"
    assert len(trial.verdict.reasons) == 2


def test_a_stage_without_a_gate_and_a_trial_without_a_panel_stay_as_they_are() -> None:
    running = Trial("1", 0, "running", {})

    assert judged(PASSED, passes=3, gate=Gate()) == PASSED
    assert judged(running, 11, passes=3) == running


def test_everything_else_is_the_runners_own() -> None:
    inner, study = OneTrial(PASSED, 11.0), a_study()
    runner = Consecutive(inner, 3)

    order = TrialOrder(study, "1", {}, "enqueued")
    runner.start(order)
    runner.stop(study, gently=True)
    runner.end_early(study, PASSED, "no chance")

    assert runner.capacity(study) == 3
    assert runner.evaluations(study, PASSED) == evaluations(11.0)
    assert inner.told == [order, ("stop", True), ("1", "no chance")]
