"""What becomes of a job when nobody looks at it any more, and that it is told."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesosweep.domain.errors import (
    BudgetReached,
    Interrupted,
    QuotaExhausted,
    Refused,
    StoreConflict,
)

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
    turned_away: list[bool] = field(default_factory=list)
    """Of each try at it that failed: whether the answer was that nothing was begun."""
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

        if isinstance(event, RetryScheduled):  # which tells of a wait, whatever for
            self.turned_away.append(event.nothing_begun)
        else:
            self.is_asking = isinstance(event, StudySubmitting)
            self.turned_away.clear()
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
            if not self._is_told(error):
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

    def _is_told(self, error: BaseException) -> bool:
        """Whether it is known what became of the job that was asked for."""
        # Who was second did not ask; whatever job there is, the first one follows it. What would
        # cost too much is not asked for before it is known that there is none.
        if isinstance(error, BudgetReached | StoreConflict):
            return True
        if not all(self.turned_away):
            return False  # an earlier try may have begun it, whatever was answered since
        if isinstance(error, Interrupted):
            # By the wait after a try; one that was not waited for may not have been the first.
            return bool(self.turned_away)
        return isinstance(error, Refused) or _is_turned_away(error)

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


def _is_turned_away(error: BaseException) -> bool:
    """Whether the last try was answered with no quota, given up after others or not."""
    return isinstance(error, QuotaExhausted) or isinstance(error.__cause__, QuotaExhausted)
