"""Who leaves while a job is asked for is told whether there may be one that costs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeAlias, cast

import pytest

from mesosweep.cli.leaving import Underway
from mesosweep.domain.errors import (
    BudgetReached,
    Interrupted,
    MesosweepError,
    QuotaExhausted,
    Refused,
    StoreConflict,
    Transient,
)
from mesosweep.domain.study import JobRef, Study
from mesosweep.engine import run
from mesosweep.ports import Submission
from mesosweep.testing.backend import FakeBackend
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge, a_plan
from mesosweep.testing.store import MemoryStore

if TYPE_CHECKING:
    from mesosweep.cli.site import Site

NO_QUOTA = QuotaExhausted("submitting the job: custom_model_training_cpus")
UNANSWERED = Transient("submitting the job: no answer")
FORBIDDEN = Refused("submitting the job: no permission")
NO_LISTING = Transient("listing jobs: too many requests (429)")
NO_LOOK = Refused("listing jobs: no permission")
Errors: TypeAlias = "tuple[MesosweepError | None, ...]"
"""Of one call after another; None where it goes well."""


class Elsewhere(FakeBackend):
    """A place whose calls meet one error after another, and which then does as it is asked."""

    def __init__(self, submits: Errors, finds: Errors = (), *, lost: bool = False) -> None:
        """With `lost`, the first job is created before its call meets an error."""
        super().__init__()
        self._submits, self._finds = iter(submits), iter(finds)
        self._is_lost = lost

    def find(self, study: Study) -> JobRef | None:
        if (error := next(self._finds, None)) is not None:
            raise error
        return super().find(study)

    def submit(self, submission: Submission) -> JobRef:
        if self._is_lost:
            super().submit(submission)
            self._is_lost = False
        if (error := next(self._submits, None)) is not None:
            raise error
        return super().submit(submission)


class LeftInAWait(FakeClock):
    """A clock of somebody who presses Ctrl-C while the engine waits."""

    def sleep(self, seconds: float) -> None:
        raise Interrupted("Stopped.")


def fates(backend: Elsewhere, *, clock: FakeClock | None = None) -> list[str]:
    """Run a sweep until it ends with an error; return what is said of its job."""
    site = SimpleNamespace(goes_on_alone=True, before=("--project", "p"))
    underway = Underway(cast("Site", site))
    told = run(
        a_plan(),
        backend=backend,
        store=MemoryStore(),
        judge=FakeJudge(),
        clock=clock or backend.service.clock,
    )
    try:
        for event in told:
            underway.follow(event)
    except MesosweepError as error:
        underway.leave(backend, error)
        return underway.fates
    raise AssertionError("nothing went wrong")


@pytest.mark.parametrize(
    "submits",
    [
        (NO_QUOTA, NO_QUOTA, NO_QUOTA, NO_QUOTA),
        (FORBIDDEN,),
        (NO_QUOTA, NO_QUOTA, FORBIDDEN),
        (StoreConflict("another process is asking for this job"),),
        (BudgetReached("--max-cost 1: nothing was submitted"),),
    ],
    ids=["no quota", "refused", "no quota, then refused", "second", "too dear"],
)
def test_of_a_job_that_was_surely_not_created_nothing_is_said(submits: Errors) -> None:
    assert fates(Elsewhere(submits)) == []


@pytest.mark.parametrize(
    "backend",
    [
        Elsewhere((UNANSWERED,), (None, NO_LISTING, NO_LISTING, NO_LISTING), lost=True),
        Elsewhere((UNANSWERED,), (None, NO_LOOK), lost=True),
        Elsewhere((UNANSWERED, NO_QUOTA, NO_QUOTA, NO_QUOTA)),
        Elsewhere((UNANSWERED, FORBIDDEN)),
        Elsewhere((UNANSWERED,) * 4),
        Elsewhere((), (NO_LISTING,) * 4),
        Elsewhere((NO_QUOTA,), (None, NO_LISTING, NO_LISTING, NO_LISTING)),
    ],
    ids=[
        "created, then no listing",
        "created, then listing refused",
        "no answer, then no quota",
        "no answer, then refused",
        "no answer",
        "no listing",
        "no quota, then no listing",
    ],
)
def test_of_a_job_that_may_have_been_created_it_is_said_and_how_to_find_it(
    backend: Elsewhere,
) -> None:
    (told,) = fates(backend)

    assert told.startswith("No answer tells whether the job was created.")
    assert "`mesosweep --project p jobs list`" in told


@pytest.mark.parametrize(
    ("backend", "may_be"),
    [
        (Elsewhere((NO_QUOTA,)), False),
        (Elsewhere((UNANSWERED,)), True),
        (Elsewhere((), (NO_LISTING,)), True),
    ],
    ids=["no quota", "no answer", "no listing"],
)
def test_who_leaves_between_two_tries_is_told_what_the_first_came_to(
    backend: Elsewhere, *, may_be: bool
) -> None:
    assert bool(fates(backend, clock=LeftInAWait())) == may_be


def test_a_job_is_asked_for_with_no_memory_of_the_one_before() -> None:
    first_goes_well = (UNANSWERED, None)

    assert fates(Elsewhere((*first_goes_well, NO_QUOTA, NO_QUOTA, NO_QUOTA, NO_QUOTA))) == []
