"""One container: waiting, running, taken away and restarted, ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from mesosweep.rehearsal.faults import FaultScript, Preemption
from mesosweep.rehearsal.orders import JobState
from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.runs import Pace
from mesosweep.rehearsal.samples import METRIC, Cloud, a_run, climbing
from mesosweep.rehearsal.scripted import Course, Moment
from mesosweep.rehearsal.undocumented import BELIEVED


def preempting(**how: float) -> FaultScript:
    return FaultScript(preemptions=(Preemption(**how),))  # type: ignore[arg-type]  # a test names real fields


def test_a_container_waits_for_its_machine_then_runs_then_has_succeeded() -> None:
    cloud = Cloud(pace=Pace(provisioning_s=30.0))
    job = cloud.custom()

    assert cloud.run_after(29.0, job).state is JobState.PENDING
    assert cloud.run_after(1.0, job).state is JobState.RUNNING
    ended = cloud.run_after(1_000.0, job)

    assert ended.state is JobState.SUCCEEDED
    # Not when somebody looked, but when it happened.
    assert (cloud.seconds(ended.start_time), cloud.seconds(ended.end_time)) == (30.0, 90.0)


def test_a_container_that_fails_says_with_what() -> None:
    cloud = Cloud(lambda _: Course(5.0, exit_code=3, says="no such species"))

    ended = cloud.run_after(10.0, cloud.custom())

    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert "status of 3" in ended.error.message
    assert "no such species" in ended.error.message


def test_a_container_killed_by_the_system_tells_its_signal_as_shells_do() -> None:
    cloud = Cloud(lambda _: Course(5.0, exit_code=-9))

    ended = cloud.run_after(10.0, cloud.custom())

    assert ended.error is not None
    assert "status of 137" in ended.error.message


@pytest.mark.parametrize("state", ["FAILED", "EXPIRED"])
def test_a_container_is_stopped_at_its_timeout(state: Literal["FAILED", "EXPIRED"]) -> None:
    cloud = Cloud(undocumented=replace(BELIEVED, timed_out=state))
    job = cloud.custom(a_run(timeout_s=20.0))

    assert cloud.run_after(19.0, job).state is JobState.RUNNING
    ended = cloud.run_after(1.0, job)

    assert ended.state.name == state
    assert cloud.seconds(ended.end_time) == 20.0


def test_a_preempted_container_starts_again_as_itself() -> None:
    cloud = Cloud(script=preempting(after_s=20.0), pace=Pace(restart_s=10.0))

    ended = cloud.run_after(1_000.0, cloud.custom())

    first, second = cloud.runner.launches
    assert (first.go, second.go) == (1, 2)
    assert replace(first, go=2) == second
    assert ended.state is JobState.SUCCEEDED
    assert ended.restarts == 1
    assert cloud.seconds(ended.start_time) == 0.0
    assert cloud.seconds(ended.end_time) == 20.0 + 10.0 + 60.0


def test_what_it_does_stops_with_the_preemption() -> None:
    done: list[int] = []

    def course(launch: Launch) -> Course:
        note = Moment(30.0, do=lambda: done.append(launch.go))
        return Course(60.0, (note,))

    cloud = Cloud(course, script=preempting(after_s=20.0))
    cloud.run_after(1_000.0, cloud.custom())

    assert done == [2]


def test_a_preemption_may_wait_for_a_report() -> None:
    cloud = Cloud(lambda _: climbing(duration_s=40.0), script=preempting(after_reports=2))
    job = cloud.tune(trials=1)

    (trial,) = cloud.after(1_000.0, job).trials

    assert trial.run.restarts == 1
    # Reports come every 10 s; the second one brings the preemption.
    assert cloud.seconds(trial.end_time) == 20.0 + 40.0
    # Reported again at the same steps, not twice.
    assert [m.step for m in trial.run.reports] == [1, 2, 3]
    assert all(METRIC in m.metrics for m in trial.run.reports)


@pytest.mark.parametrize(
    ("asked", "restarts_unasked", "disabled", "ends"),
    [
        (True, False, False, JobState.SUCCEEDED),
        (False, True, False, JobState.SUCCEEDED),
        (False, False, False, JobState.FAILED),
        (True, True, True, JobState.FAILED),
    ],
)
def test_who_may_not_restart_has_failed(
    asked: bool, restarts_unasked: bool, disabled: bool, ends: JobState
) -> None:
    cloud = Cloud(
        script=preempting(after_s=20.0),
        undocumented=replace(BELIEVED, restarts_unasked=restarts_unasked),
    )
    order = a_run(restart_on_worker_restart=asked, disable_retries=disabled)

    assert cloud.run_after(1_000.0, cloud.custom(order)).state is ends


def test_restarts_are_limited() -> None:
    hits = tuple(Preemption(after_s=5.0, go=go) for go in range(1, 20))
    cloud = Cloud(
        script=FaultScript(preemptions=hits), undocumented=replace(BELIEVED, max_restarts=6)
    )

    ended = cloud.run_after(1_000.0, cloud.custom())

    assert ended.state is JobState.FAILED
    assert len(cloud.runner.launches) == 7


def test_a_container_that_ends_before_its_preemption_has_ended() -> None:
    cloud = Cloud(script=preempting(after_s=90.0))

    assert cloud.run_after(1_000.0, cloud.custom()).state is JobState.SUCCEEDED
    assert len(cloud.runner.launches) == 1


def test_what_a_client_cannot_see_is_told() -> None:
    cloud = Cloud(script=preempting(after_s=20.0))

    cloud.run_after(1_000.0, cloud.custom())

    assert [event for event, _ in cloud.told] == ["started", "preempted", "started", "ended"]
