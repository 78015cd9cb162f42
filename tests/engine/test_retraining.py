"""Every configuration is trained as often as every other, and what is there is not trained again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from mesosweep.domain.errors import BackendError, Interrupted, RepeatedFailure
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Trial, TrialStatus
from mesosweep.engine.retraining import retrain
from mesosweep.ports import Clock, TrialOrder
from mesosweep.testing.clock import FakeClock


def a_study(key: str, *, runs: int = 2) -> Study:
    return Study(
        key=key,
        species="counting",
        algorithm="count",
        stage=1,
        stage_name="balance",
        attempt=7,
        folder=key,
        space=SearchSpace({}),
        trials=runs,
        parallel=runs,
        settings=TrialSettings(timesteps=10, n_envs=1),
        default={"count_gain": 0.5},
    )


@dataclass
class Runner:
    """A place where each trial ends when somebody has waited once."""

    ends_as: TrialStatus = "finished"
    trials: dict[tuple[str, str], Trial] = field(default_factory=dict)
    started: list[tuple[str, str]] = field(default_factory=list)
    most: int = 0

    def known(self, study: Study) -> Sequence[Trial]:
        return self.poll(study)

    def poll(self, study: Study) -> Sequence[Trial]:
        return [trial for (key, _), trial in self.trials.items() if key == study.key]

    def start(self, order: TrialOrder) -> None:
        place = (order.study.key, order.trial_id)
        self.started.append(place)
        self.trials[place] = Trial(
            order.trial_id, order.study.attempt, "running", order.assignment, origin=order.origin
        )
        running = sum(not trial.has_ended for trial in self.trials.values())
        self.most = max(self.most, running)

    def wait(self, study: Study, clock: Clock) -> None:
        del study, clock
        for place, trial in self.trials.items():
            if not trial.has_ended:
                reason = "out of luck" if self.ends_as == "failed" else None
                self.trials[place] = replace(trial, status=self.ends_as, reason=reason)


def walked(runner: Runner, *studies: Study, parallel: int = 2) -> list[tuple[str, str]]:
    told = retrain(studies, runner=runner, parallel=parallel, clock=FakeClock(), stop=lambda: False)
    return [(study.key, trial.trial_id) for study, trial in told]


def test_the_first_runs_of_all_come_before_the_second_of_any() -> None:
    runner = Runner()

    told = walked(runner, a_study("a"), a_study("b"), a_study("c"))

    assert runner.started == [
        ("a", "1"),
        ("b", "1"),
        ("c", "1"),
        ("a", "2"),
        ("b", "2"),
        ("c", "2"),
    ]
    assert sorted(told) == sorted(runner.started)
    assert runner.most == 2
    assert all(trial.assignment == {"count_gain": 0.5} for trial in runner.trials.values())


def test_what_was_run_is_told_and_not_run_again_and_what_was_interrupted_goes_on() -> None:
    runner = Runner()
    done = Trial("1", 7, "finished", {})
    runner.trials = {("a", "1"): done, ("b", "1"): replace(done, status="running")}

    told = walked(runner, a_study("a"), a_study("b"))

    assert runner.started == [("b", "1"), ("a", "2"), ("b", "2")]
    assert set(told) == {("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")}


def test_more_runs_than_are_asked_for_now_are_left_out() -> None:
    runner = Runner(trials={("a", number): Trial(number, 7, "finished", {}) for number in "123"})

    assert walked(runner, a_study("a", runs=2)) == [("a", "1"), ("a", "2")]


def test_told_to_stop_it_starts_nothing_more() -> None:
    runner = Runner()
    told = retrain([a_study("a")], runner=runner, parallel=1, clock=FakeClock(), stop=lambda: True)

    with pytest.raises(Interrupted):
        list(told)
    assert runner.started == []


class Refusing(Runner):
    """A place whose server of workers is gone."""

    def start(self, order: TrialOrder) -> None:
        raise BackendError(f"No worker can be started for trial {order.trial_id}.")


@pytest.mark.parametrize(("asked", "told"), [(True, Interrupted), (False, BackendError)])
def test_a_signal_that_ended_what_starts_workers_too_is_a_stop(
    asked: bool, told: type[Exception]
) -> None:
    # The signal comes after the look at `stop`, while the run is being started.
    looks = iter([False, asked])
    going = retrain(
        [a_study("a")],
        runner=Refusing(),
        parallel=1,
        clock=FakeClock(),
        stop=lambda: next(looks),
    )

    with pytest.raises(told):
        list(going)


def test_what_fails_alike_three_times_is_not_tried_for_the_rest() -> None:
    runner = Runner(ends_as="failed")

    with pytest.raises(RepeatedFailure, match="out of luck"):
        walked(runner, a_study("a", runs=9), parallel=1)
    assert len(runner.started) == 3


def test_diverging_is_a_result_however_often_it_happens() -> None:
    runner = Runner(ends_as="diverged")

    assert len(walked(runner, a_study("a", runs=5), parallel=1)) == 5
