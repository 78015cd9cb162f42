"""What becomes of a job when nobody looks at it any more, and that it is told."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesosweep.domain.errors import BudgetReached, Interrupted, Refused, StoreConflict

if TYPE_CHECKING:
    from mesosweep.cli.site import Site
    from mesosweep.domain.events import Event
    from mesosweep.domain.study import JobRef
    from mesosweep.ports import Backend


@dataclass
class Underway:
    """The one job of a sweep that may be running now."""

    site: Site
    job: JobRef | None = None
    """Under way."""
    is_asking: bool = False
    """A job is being asked for, and no answer has come yet."""
    fates: list[str] = field(default_factory=list)
    """What becomes of it, to be told when the screen is free."""

    def follow(self, event: Event) -> None:
        """Know the job that is under way, so that it can be left or ended."""
        from mesosweep.domain.events import (
            RetryScheduled,
            StageFailed,
            StudyReattached,
            StudySubmitted,
            StudySubmitting,
            WinnerChosen,
        )

        if not isinstance(event, RetryScheduled):  # which tells of a wait, whatever for
            self.is_asking = isinstance(event, StudySubmitting)
        match event:
            case StudySubmitted(job=job) | StudyReattached(job=job):
                self.job = job
            case StudySubmitting() | WinnerChosen() | StageFailed():
                self.job = None
            case _:
                pass

    def leave(self, backend: Backend, error: BaseException) -> None:
        """Do with the job what its place does when nobody looks at it any more."""
        if self.job is None and self.is_asking and self.site.goes_on_alone:
            # Who was second did not ask; whatever job there is, the first one follows it.
            is_known = isinstance(error, Refused | BudgetReached | StoreConflict)
            if not is_known and not _is_turned_away(error):
                listed = shlex.join(("mesosweep", *self.site.before, "jobs", "list"))
                self.fates.append(
                    "No answer tells whether the job was created. The same command finds it if it "
                    f"was; so does `{listed}`."
                )
            return
        # What went over its budget was ended before that was said.
        if self.job is None or isinstance(error, BudgetReached):
            return
        fate = self._fate(backend, self.job, error)
        if fate is not None:
            self.fates.append(fate)

    def _fate(self, backend: Backend, job: JobRef, error: BaseException) -> str | None:
        """End the job if the user ordered it, else leave it; return what becomes of it."""
        is_order = isinstance(error, KeyboardInterrupt)
        try:
            if isinstance(error, Interrupted):
                is_order = self.site.is_told_again()
            return (self.site.ended if is_order else self.site.left)(backend, job)
        except KeyboardInterrupt:
            # Who will not wait for its end is told that nobody did.
            return self.site.given_up(job)


_TOO_MANY = 429
"""What Google's package calls a quota that is used up."""


def _is_turned_away(error: BaseException) -> bool:
    """Whether the last answer was that there is no quota: then nothing was created."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "code", None) == _TOO_MANY:
            return True
        cause = cause.__cause__
    return False
