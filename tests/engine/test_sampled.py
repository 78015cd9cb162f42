"""A sampler and a runner together behave as a tuning service does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from mesosweep.domain.score import Score
from mesosweep.domain.space import Assignment, SearchSpace
from mesosweep.domain.stopping import Stopping
from mesosweep.domain.study import Study, StudySnapshot
from mesosweep.domain.trial import Evaluation, Progress, Trial
from mesosweep.engine import SampledBackend
from mesosweep.ports import Clock, TrialOrder
from mesosweep.testing.backend import a_study, lost, scored
from mesosweep.testing.clock import FakeClock


class Counter:
    """A sampler that counts up, and keeps what it was asked."""

    name = "counter"

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        """(length of history, count, seed) of each call."""

    def suggest(
        self, space: SearchSpace, history: Sequence[Trial], *, count: int, total: int, seed: int
    ) -> Sequence[tuple[Assignment, str]]:
        self.asked.append((len(history), count, seed))
        return [({"count_gain": (len(history) + i) / 100}, "model") for i in range(count)]


class Bench:
    """A runner whose trials end when the test says so. The list outlives the backend."""

    def __init__(self) -> None:
        self.trials: dict[str, Trial] = {}
        self.orders: list[TrialOrder] = []
        self.stopped = 0
        self.curves: dict[str, list[Evaluation]] = {}
        self.read = 0
        """How often evaluations were asked for."""
        self.ended_early: dict[str, str] = {}

    def known(self, study: Study) -> Sequence[Trial]:
        return sorted(self.trials.values(), key=lambda trial: int(trial.trial_id))

    poll = known

    def start(self, order: TrialOrder) -> None:
        self.orders.append(order)
        self.trials[order.trial_id] = Trial(
            order.trial_id, order.study.attempt, "running", order.assignment, origin=order.origin
        )

    def evaluations(self, study: Study, trial: Trial) -> Sequence[Evaluation]:
        self.read += 1
        return self.curves.get(trial.trial_id, ())

    def end_early(self, study: Study, trial: Trial, reason: str) -> None:
        self.ended_early[trial.trial_id] = reason

    def report(self, trial_id: str, *means: float) -> None:
        """Have a trial report means at 25, 50, … steps."""
        curve = [
            Evaluation(25 * number, Score(10, mean, 1.0, 100.0, 1.0))
            for number, mean in enumerate(means, start=1)
        ]
        self.curves[trial_id] = curve
        progress = Progress(curve[-1].step, 100.0, curve[-1])
        self.trials[trial_id] = replace(self.trials[trial_id], progress=progress)

    def capacity(self, study: Study) -> int:
        running = [trial for trial in self.trials.values() if not trial.has_ended]
        return study.parallel - len(running)

    def wait(self, study: Study, clock: Clock) -> None:
        clock.sleep(1.0)

    def stop(self, study: Study, *, gently: bool) -> None:
        self.stopped += 1

    def finish(self, study: Study, *ids: str) -> None:
        for trial_id in ids:
            old = self.trials[trial_id]
            ended = scored(study, trial_id, old.assignment, reward=1.0)
            self.trials[trial_id] = replace(ended, origin=old.origin)

    def lose(self, study: Study, *ids: str, reason: str) -> None:
        for trial_id in ids:
            old = self.trials[trial_id]
            self.trials[trial_id] = replace(
                lost(study, trial_id, old.assignment, reason), origin=old.origin
            )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def opened(bench: Bench, sampler: Counter | None = None) -> SampledBackend:
    return SampledBackend("bench", sampler=sampler or Counter(), runner=bench)


def submitted(bench: Bench, study: Study) -> tuple[SampledBackend, StudySnapshot]:
    backend = opened(bench)
    job = backend.submit(backend.prepare(study))
    return backend, backend.poll(job)


def test_it_starts_as_many_as_there_is_room_for(bench: Bench) -> None:
    _, snapshot = submitted(bench, a_study(trials=5, parallel=2))

    assert [trial.trial_id for trial in snapshot.trials] == ["1", "2"]
    assert snapshot.state == "running"


def test_the_default_configuration_is_trial_zero_and_known_points_follow(bench: Bench) -> None:
    study = a_study(default={"count_gain": 0.9}, enqueued=({"count_gain": 0.8},), parallel=3)

    submitted(bench, study)

    begun = [(o.trial_id, o.origin, o.assignment["count_gain"]) for o in bench.orders]
    assert begun == [("0", "default", 0.9), ("1", "enqueued", 0.8), ("2", "model", 0.0)]


def test_the_study_succeeds_with_exactly_the_trials_asked_for(bench: Bench) -> None:
    study = a_study(trials=3, parallel=2)
    backend, _ = submitted(bench, study)
    job = backend.find(study)
    assert job is not None

    bench.finish(study, "1", "2")
    backend.poll(job)
    bench.finish(study, "3")
    snapshot = backend.poll(job)

    assert snapshot.state == "succeeded"
    assert len(bench.orders) == 3


def test_the_sampler_sees_running_trials_and_always_the_same_seed(bench: Bench) -> None:
    sampler, study = Counter(), a_study(trials=3, parallel=2)
    backend = opened(bench, sampler)
    job = backend.submit(backend.prepare(study))

    backend.poll(job)
    bench.finish(study, "1")
    backend.poll(job)

    assert [(history, count) for history, count, _ in sampler.asked] == [(0, 2), (2, 1)]
    assert len({seed for *_, seed in sampler.asked}) == 1


def test_after_a_restart_interrupted_trials_go_on_before_new_ones(bench: Bench) -> None:
    study = a_study(trials=4, parallel=2)
    submitted(bench, study)
    bench.finish(study, "1")
    bench.orders.clear()

    backend = opened(bench)
    bench.capacity = lambda study: 2  # type: ignore[method-assign]  # no worker lives any more
    job = backend.find(study)
    assert job is not None
    backend.poll(job)

    assert [(o.trial_id, o.assignment["count_gain"]) for o in bench.orders] == [
        ("2", 0.01),
        ("3", 0.02),
    ]


def test_identical_failures_in_a_row_stop_the_study_with_the_shared_message(bench: Bench) -> None:
    study = a_study(trials=9, parallel=3)
    backend, _ = submitted(bench, study)
    job = backend.find(study)
    assert job is not None

    bench.lose(study, "1", "2", "3", reason="no module named claws")
    snapshot = backend.poll(job)

    assert snapshot.state == "failed"
    assert "3 trials in a row ended alike: no module named claws" in str(snapshot.message)
    assert bench.stopped == 1


def test_different_failures_stop_nothing(bench: Bench) -> None:
    study = a_study(trials=9, parallel=3)
    backend, _ = submitted(bench, study)
    job = backend.find(study)
    assert job is not None

    for trial_id in ("1", "2", "3"):
        bench.lose(study, trial_id, reason=f"cause {trial_id}")

    assert backend.poll(job).state == "running"


def test_failures_of_an_earlier_run_are_not_held_against_a_mended_one(bench: Bench) -> None:
    study = a_study(trials=9, parallel=3)
    submitted(bench, study)
    bench.lose(study, "1", "2", "3", reason="disk full")

    backend = opened(bench)
    job = backend.find(study)
    assert job is not None

    assert backend.poll(job).state == "running"
    assert [order.trial_id for order in bench.orders[3:]] == ["4", "5", "6"]


def test_cancelling_stops_the_workers_once(bench: Bench) -> None:
    study = a_study()
    backend, _ = submitted(bench, study)
    job = backend.find(study)
    assert job is not None

    backend.cancel(job)
    backend.cancel(job)

    assert bench.stopped == 1
    assert backend.poll(job).state == "cancelled"


def test_waiting_is_left_to_the_runner(bench: Bench) -> None:
    study, clock = a_study(), FakeClock()
    backend, _ = submitted(bench, study)
    job = backend.find(study)
    assert job is not None

    backend.wait(job, clock)

    assert clock.slept == [1.0]


def test_preparing_shows_the_very_words_of_a_trial(bench: Bench) -> None:
    request = opened(bench).prepare(a_study()).request

    assert request["trial"][:3] == ["mesosweep", "trial", "--species=counting"]
    assert bench.orders == []


MEDIAN = Stopping("median", timesteps=100)


def with_five_ended(bench: Bench, study: Study) -> SampledBackend:
    """Return a backend whose trials 1 to 5 ended at 1.0, 2.0, … while 6 runs."""
    backend, _ = submitted(bench, study)
    for number in range(1, 6):
        bench.report(str(number), *[float(number)] * 4)
    bench.finish(study, "1", "2", "3", "4", "5")
    return backend


def test_a_trial_without_a_chance_is_ended_as_soon_as_an_evaluation_says_so(bench: Bench) -> None:
    study = a_study(trials=8, parallel=6, stopping=MEDIAN)
    backend = with_five_ended(bench, study)
    job = backend.find(study)
    assert job is not None

    backend.poll(job)
    assert bench.ended_early == {}
    bench.report("6", 0.5)
    backend.poll(job)

    assert list(bench.ended_early) == ["6"]
    assert "below the median 3 of 5 trials" in bench.ended_early["6"]


def test_a_good_trial_runs_on(bench: Bench) -> None:
    study = a_study(trials=8, parallel=6, stopping=MEDIAN)
    backend = with_five_ended(bench, study)
    job = backend.find(study)
    assert job is not None

    for means in ((3.5,), (3.5, -9.0), (3.5, -9.0, -9.0)):
        bench.report("6", *means)
        backend.poll(job)

    assert bench.ended_early == {}


def test_without_a_rule_nobody_is_looked_at(bench: Bench) -> None:
    study = a_study(trials=8, parallel=6)
    backend = with_five_ended(bench, study)
    job = backend.find(study)
    assert job is not None

    bench.report("6", 0.5)
    backend.poll(job)

    assert (bench.read, bench.ended_early) == (0, {})


def test_evaluations_are_read_only_when_there_is_a_new_one(bench: Bench) -> None:
    study = a_study(trials=6, parallel=6, stopping=MEDIAN)
    backend = with_five_ended(bench, study)
    job = backend.find(study)
    assert job is not None
    bench.report("6", 9.0)

    backend.poll(job)
    once = bench.read
    backend.poll(job)
    backend.poll(job)
    assert bench.read == once
    bench.report("6", 9.0, 9.0)
    backend.poll(job)

    assert bench.read == 2 * once


def test_after_a_restart_the_decision_is_made_again_from_what_is_on_record(bench: Bench) -> None:
    study = a_study(trials=8, parallel=6, stopping=MEDIAN)
    backend = with_five_ended(bench, study)
    job = backend.find(study)
    assert job is not None
    bench.report("6", 0.5)
    backend.poll(job)
    before = dict(bench.ended_early)
    bench.ended_early.clear()

    reopened = opened(bench)
    job = reopened.find(study)
    assert job is not None
    reopened.poll(job)

    assert bench.ended_early == before
    assert before


def test_a_stopped_trial_makes_room_and_counts_as_one_of_those_wanted(bench: Bench) -> None:
    study = a_study(trials=7, parallel=6, stopping=MEDIAN)
    backend = with_five_ended(bench, study)
    job = backend.find(study)
    assert job is not None
    bench.trials["6"] = replace(bench.trials["6"], status="stopped", best_mean_reward=0.5)

    backend.poll(job)
    bench.finish(study, "7")
    snapshot = backend.poll(job)

    assert snapshot.state == "succeeded"
    assert [trial.status for trial in snapshot.trials].count("stopped") == 1
