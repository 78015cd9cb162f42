"""Parameters that make numbers explode are a result: they end no job as a broken image would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.domain.study import Study
from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.scripted import Course, Moment, given
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE, Undocumented
from mesosweep.testing.bucket import leave_record
from mesosweep.testing.clock import FakeClock

NAMES = ("species", "algorithm", "stage", "attempt", "timesteps", "output-dir")


@pytest.mark.parametrize("undocumented", [BELIEVED, OTHERWISE], ids=["believed", "otherwise"])
def test_five_of_six_diverge_and_the_job_goes_on_to_its_end(
    *,
    open_cloud: Callable[..., Any],
    open_vertex: Callable[..., Any],
    study: Study,
    bucket: Any,
    clock: FakeClock,
    undocumented: Undocumented,
) -> None:
    cloud = open_cloud(undocumented=undocumented)
    whole = cloud.runner._course_of

    def course(launch: Launch) -> Course:
        """Report what the trial began with, as a worker does, and end well."""
        if launch.trial_id == "4":
            found: Course = whole(launch)
            return found
        words = {name: given(launch.argv, name) for name in NAMES}
        folder = f"gs://{words['output-dir'].removeprefix('/gcs/')}/{launch.trial_id}"

        def leave() -> None:
            leave_record(
                bucket,
                folder,
                words=words,
                reward=None,
                status="diverged",
                reason="the loss is nan",
            )

        return Course(20.0, moments=(Moment(10.0, 50, {"best_mean_reward": 0.0}, do=leave),))

    cloud.runner._course_of = course
    backend = open_vertex(cloud)
    job = backend.submit(backend.prepare(replace(study, trials=6)))
    for _ in range(100):
        snapshot = backend.poll(job)
        if snapshot.state != "running":
            break
        backend.wait(job, clock)

    assert snapshot.state == "succeeded"
    assert [trial.status for trial in snapshot.trials] == [
        *["diverged"] * 3,
        "finished",
        *["diverged"] * 2,
    ]
    assert snapshot.trials[0].reason == "the loss is nan"
