"""A tuning job and its trials, in virtual time."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from mesosweep.domain.space import Discrete
from mesosweep.rehearsal.faults import FaultScript, Preemption
from mesosweep.rehearsal.orders import JobState, Searched, StudyStopping, TrialState
from mesosweep.rehearsal.refusal import Refusal
from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.runs import Pace
from mesosweep.rehearsal.samples import (
    METRIC,
    Cloud,
    a_run,
    a_study,
    climbing,
    reward,
    states,
    x_of,
)
from mesosweep.rehearsal.scripted import Course, Moment
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE, CancelledTrial, Undocumented


def failing(launch: Launch) -> Course:
    return Course(10.0, exit_code=1, says="cannot start")


def failing_above_half(launch: Launch) -> Course:
    return failing(launch) if x_of(launch) > 0.5 else climbing()


def third_is_poor(launch: Launch) -> Course:
    return climbing(rewards=(-9.0,) * 3) if launch.trial_id == "4" else climbing()


def test_trials_follow_each_other_without_a_gap_whoever_looks_and_when() -> None:
    cloud = Cloud()
    job = cloud.tune(trials=5, parallel=2)

    work = cloud.after(100_000.0, job)

    assert work.state is JobState.SUCCEEDED
    assert [trial.trial_id for trial in work.trials] == ["1", "2", "3", "4", "5"]
    assert [cloud.seconds(t.start_time) for t in work.trials] == [0, 0, 60, 60, 120]
    assert cloud.seconds(work.end_time) == 180.0


def test_looking_often_changes_nothing() -> None:
    rarely, often = Cloud(failing_above_half), Cloud(failing_above_half)
    one, other = rarely.tune(trials=6, failed=6), often.tune(trials=6, failed=6)

    at_once = rarely.after(600.0, one)
    for _ in range(300):
        in_steps = often.after(2.0, other)

    assert [(t.chosen, t.state, t.end_time) for t in at_once.trials] == [
        (t.chosen, t.state, t.end_time) for t in in_steps.trials
    ]
    assert at_once.end_time == in_steps.end_time


def test_a_job_is_pending_until_its_turn_comes() -> None:
    cloud = Cloud(pace=Pace(queue_s=120.0, provisioning_s=30.0))
    job = cloud.tune(trials=1)

    assert cloud.after(100.0, job).state is JobState.PENDING
    work = cloud.after(1_000.0, job)

    assert cloud.seconds(work.start_time) == 120.0
    assert cloud.seconds(work.end_time) == 120.0 + 30.0 + 60.0


def test_a_trial_is_told_what_it_searches() -> None:
    cloud = Cloud()
    work = cloud.after(100.0, cloud.tune(trials=1))

    (launch,) = cloud.runner.launches
    assert launch.env["CLOUD_ML_TRIAL_ID"] == "1"
    assert x_of(launch) == work.trials[0].chosen["x"]


def test_a_failed_trial_is_infeasible_and_has_no_final_measurement() -> None:
    cloud = Cloud(failing_above_half)

    work = cloud.after(10_000.0, cloud.tune(trials=6, failed=6))

    failed = [trial for trial in work.trials if trial.state is TrialState.INFEASIBLE]
    assert 0 < len(failed) < 6
    assert all(trial.final is None and "cannot start" in trial.reason for trial in failed)
    assert work.state is JobState.SUCCEEDED


def test_a_job_fails_at_its_limit_of_failed_trials_and_keeps_the_finished() -> None:
    cloud = Cloud(lambda launch: failing(launch) if launch.trial_id in "34" else climbing())
    work = cloud.after(10_000.0, cloud.tune(trials=9, parallel=1, failed=2))

    assert work.state is JobState.FAILED
    assert states(work) == ["SUCCEEDED", "SUCCEEDED", "INFEASIBLE", "INFEASIBLE"]
    assert reward(work.trials[0]) == 3.0


def test_an_image_that_cannot_start_costs_no_more_than_the_limit() -> None:
    cloud = Cloud(failing)
    work = cloud.after(10_000.0, cloud.tune(trials=20, parallel=1, failed=3))

    assert len(work.trials) == 3


@pytest.mark.parametrize(("limit", "begun"), [(None, 4), (1, 2)])
def test_without_a_limit_the_service_decides(limit: int | None, begun: int) -> None:
    cloud = Cloud(failing, undocumented=replace(BELIEVED, fails_after=limit))

    work = cloud.after(10_000.0, cloud.tune(trials=4, parallel=2, failed=0))

    assert work.state is JobState.FAILED
    assert len(work.trials) == begun


def test_what_failed_after_reporting_may_count_or_not() -> None:
    found = []
    for counts in ("INFEASIBLE", "SUCCEEDED"):
        rules = replace(BELIEVED, failed_with_metric=counts)
        cloud = Cloud(lambda _: climbing(exit_code=1), undocumented=rules)
        found += states(cloud.after(1_000.0, cloud.tune(trials=1)))

    assert found == ["INFEASIBLE", "SUCCEEDED"]


def test_a_trial_that_never_reported_is_infeasible() -> None:
    cloud = Cloud(lambda _: Course(10.0))

    (trial,) = cloud.after(100.0, cloud.tune(trials=1)).trials

    assert trial.state is TrialState.INFEASIBLE
    assert METRIC in trial.reason


def test_a_trial_is_stopped_at_its_timeout_and_the_job_goes_on() -> None:
    cloud = Cloud(lambda launch: climbing(duration_s=600.0 if launch.trial_id == "1" else 60.0))
    work = cloud.after(10_000.0, cloud.tune(trials=2, parallel=1, run=a_run(timeout_s=90.0)))

    assert states(work) == ["INFEASIBLE", "SUCCEEDED"]
    assert "timeout" in work.trials[0].reason
    assert cloud.seconds(work.trials[0].end_time) == 90.0


@settings(deadline=None, max_examples=40)
@given(
    seed=some.integers(0, 10_000),
    trials=some.integers(1, 12),
    parallel=some.integers(1, 5),
    failed=some.integers(0, 4),
    rules=some.sampled_from([BELIEVED, OTHERWISE]),
    cancel_s=some.none() | some.floats(0.0, 500.0),
)
def test_whatever_happens_a_job_ends_with_a_true_account(
    *,
    seed: int,
    trials: int,
    parallel: int,
    failed: int,
    rules: Undocumented,
    cancel_s: float | None,
) -> None:
    def course(launch: Launch) -> Course:
        rng = random.Random(f"{seed}/{launch.trial_id}/{launch.go}")
        return climbing(
            duration_s=rng.uniform(5.0, 200.0),
            rewards=tuple(rng.random() for _ in range(rng.randrange(4))),
            exit_code=int(rng.random() < 0.3),
        )

    hits = tuple(Preemption(after_s=20.0 * go, go=go, probability=0.4) for go in (1, 2, 3))
    cloud = Cloud(course, script=FaultScript(seed=seed, preemptions=hits), undocumented=rules)
    job = cloud.tune(trials=trials, parallel=parallel, failed=failed)
    if cancel_s is not None:
        cloud.after(cancel_s, job)
        with suppress(Refusal):  # it may have ended by then
            cloud.jobs.cancel(job.name, "hyperparameterTuningJobs")
    work = cloud.after(100_000.0, job)

    assert work.state.is_end
    assert work.end_time is not None
    assert len(work.trials) <= trials
    assert [t.trial_id for t in work.trials] == [str(n + 1) for n in range(len(work.trials))]
    for trial in work.trials:
        assert trial.run.state.is_end
        assert (trial.final is not None) == (trial.state is TrialState.SUCCEEDED)
        assert bool(trial.reason) == (trial.state is TrialState.INFEASIBLE)
        assert trial.end_time is not None
        assert trial.start_time <= trial.end_time <= work.end_time
        # Nobody else's place was taken.
        beside = [
            other
            for other in work.trials
            if other.end_time is not None and other.start_time <= trial.start_time < other.end_time
        ]
        assert len(beside) <= parallel
    if work.state is JobState.SUCCEEDED:
        assert len(work.trials) == trials


# ── cancelling ───────────────────────────────────────────────────────────────


def test_cancelling_ends_running_trials_and_keeps_finished_ones() -> None:
    cloud = Cloud()
    job = cloud.tune(trials=6, parallel=2)
    cloud.after(90.0, job)

    cloud.jobs.cancel(job.name, "hyperparameterTuningJobs")
    work = cloud.after(1.0, job)

    assert work.state is JobState.CANCELLED
    assert work.error is not None
    assert work.error.code == "CANCELLED"
    assert states(work) == ["SUCCEEDED", "SUCCEEDED", "INFEASIBLE", "INFEASIBLE"]
    assert len(cloud.after(1_000.0, job).trials) == 4


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ("INFEASIBLE", ["INFEASIBLE", "INFEASIBLE"]),
        ("SUCCEEDED", ["SUCCEEDED", "INFEASIBLE"]),
        ("STOPPING", ["STOPPING", "STOPPING"]),
        ("ACTIVE", ["ACTIVE", "ACTIVE"]),
    ],
)
def test_trials_that_ran_are_left_as_the_service_leaves_them(
    how: CancelledTrial, left: list[str]
) -> None:
    # The first has reported when the job is cancelled, the second has not.
    cloud = Cloud(
        lambda launch: climbing(duration_s=60.0 if launch.trial_id == "1" else 600.0),
        undocumented=replace(BELIEVED, cancelled_trial=how),
    )
    job = cloud.tune(trials=2)
    cloud.after(20.0, job)

    cloud.jobs.cancel(job.name, "hyperparameterTuningJobs")
    work = cloud.after(1.0, job)

    assert states(work) == left
    assert [reward(t) for t in work.trials] == [1.0 if left[0] == "SUCCEEDED" else None, None]


def test_a_job_stays_cancelling_until_its_trials_have_ended() -> None:
    def slow_to_stop(_: Launch) -> Course:
        return replace(climbing(duration_s=600.0), stop_s=12.0)

    for at_least_s, until_s in ((0.0, 12.0), (45.0, 45.0)):
        cloud = Cloud(slow_to_stop, undocumented=replace(BELIEVED, cancelling_s=at_least_s))
        job = cloud.tune(trials=2)
        cloud.after(30.0, job)
        cloud.jobs.cancel(job.name, "hyperparameterTuningJobs")

        assert cloud.after(until_s - 1.0, job).state is JobState.CANCELLING
        assert states(cloud.after(0.0, job)) == ["STOPPING", "STOPPING"]
        work = cloud.after(1.0, job)

        assert work.state is JobState.CANCELLED
        assert cloud.seconds(work.end_time) == 30.0 + until_s


# ── stopping early ───────────────────────────────────────────────────────────


def test_a_hopeless_trial_is_stopped_and_what_it_reported_counts() -> None:
    cloud = Cloud(third_is_poor)
    study = a_study(median_stopping="steps")

    work = cloud.after(10_000.0, cloud.tune(trials=5, parallel=1, study=study))

    stopped = work.trials[3]
    assert states(work) == ["SUCCEEDED"] * 5
    assert reward(stopped) == -9.0
    assert [m.step for m in stopped.run.reports] == [1]
    assert stopped.run.restarts == 0


def test_without_the_rule_it_runs_to_its_end() -> None:
    cloud = Cloud(third_is_poor)

    work = cloud.after(10_000.0, cloud.tune(trials=5, parallel=1))

    assert [m.step for m in work.trials[3].run.reports] == [1, 2, 3]


@pytest.mark.parametrize(("honours", "begun"), [(True, 3), (False, 8)])
def test_a_study_without_progress_may_end_early(honours: bool, begun: int) -> None:
    study = a_study(stopping=StudyStopping(trials_no_progress=2))
    cloud = Cloud(undocumented=replace(BELIEVED, study_stopping=honours))

    work = cloud.after(10_000.0, cloud.tune(trials=8, parallel=1, study=study))

    assert work.state is JobState.SUCCEEDED
    assert len(work.trials) == begun


def test_a_study_may_end_as_soon_as_possible() -> None:
    study = a_study(stopping=StudyStopping(max_runtime_s=80.0, asap=True))
    cloud = Cloud()

    work = cloud.after(10_000.0, cloud.tune(trials=8, parallel=1, study=study))

    assert cloud.seconds(work.end_time) == 80.0
    assert states(work) == ["SUCCEEDED", "SUCCEEDED"]
    assert [reward(trial) for trial in work.trials] == [3.0, 1.0]


def test_a_job_whose_grid_is_exhausted_has_succeeded() -> None:
    study = a_study(algorithm="grid", parameters=(Searched("x", Discrete((1, 2, 3))),))
    cloud = Cloud()

    work = cloud.after(10_000.0, cloud.tune(trials=20, study=study))

    assert work.state is JobState.SUCCEEDED
    assert [trial.chosen["x"] for trial in work.trials] == [1.0, 2.0, 3.0]


def test_what_a_process_does_happens_once_and_in_time() -> None:
    written: list[tuple[str, float]] = []

    def writing(launch: Launch) -> Course:
        note = Moment(
            60.0, 1, {METRIC: 1.0}, do=lambda: written.append((launch.trial_id, x_of(launch)))
        )
        return Course(60.0, (note,))

    cloud = Cloud(writing)
    work = cloud.after(10_000.0, cloud.tune(trials=3))

    assert written == [(trial.trial_id, trial.chosen["x"]) for trial in work.trials]
