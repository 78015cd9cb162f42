"""What is said when a limit ends a job: what was kept of it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.backends.vertex.money import CappedBackend, quote_of
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import BudgetReached
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.testing.backend import assigned, lost, scored

QUOTE = quote_of(JobSettings(project="my-project", image="host/repo/trainer:1"), price_file=None)


class _WithFailures:
    """A backend whose job has one trial that finished, one that was lost, and one at work."""

    name = "vertex"

    def __init__(self, study: Study) -> None:
        done = scored(study, "1", assigned(study, 0), 5.0)
        gone = lost(study, "2", assigned(study, 1), "The job was cancelled")
        at_work = replace(scored(study, "3", assigned(study, 2), 1.0), status="running")
        self._trials = (done, gone, at_work)
        self.cancelled: list[str] = []

    def poll(self, job: JobRef) -> StudySnapshot:  # the port's shape
        return StudySnapshot("running", self._trials)

    def cancel(self, job: JobRef) -> None:
        self.cancelled.append(job.name)

    def names_of(self, job: JobRef) -> frozenset[str]:
        return frozenset((job.name,))

    def machine_s(self, job: JobRef) -> float:
        return 3_600.0


def test_trials_that_were_lost_are_not_told_as_kept(
    study: Study, plan: SweepPlan, bucket: Any
) -> None:
    inner: Any = _WithFailures(study)
    backend = CappedBackend(
        inner,
        plan=replace(plan, max_cost_usd=QUOTE.usd(3_601.0)),
        since=0,
        bucket=bucket,
        quote=QUOTE,
        trial_usd={},
    )

    with pytest.raises(BudgetReached) as caught:
        backend.poll(JobRef("vertex", "a/job", None))

    assert inner.cancelled == ["a/job"]
    assert "with it 1 running trials; 1 finished ones are kept" in str(caught.value)
    assert "another minute may pass it" in str(caught.value)
