"""Who may ask for a study's job: whoever put its document into the bucket, and holds it there.

The service makes a job for everybody who asks. The bucket takes a document that must not be there
yet from one writer alone, so that is where it is settled who asks.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from mesosweep import __version__
from mesosweep.backends.vertex import goes
from mesosweep.backends.vertex.patience import passing
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.backends.vertex.request import Go, study_uri
from mesosweep.domain.errors import StoreConflict, Transient
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.ports import Clock
from mesosweep.records.study_file import Claim, study_file, written
from mesosweep.stores.writer import this_process

SETTLE_S = 30.0
"""A job that was just created may be missing from a listing for some seconds. After so long a
document without a job is what somebody left who is gone, and may be taken over. It is as long in
a rehearsal, whose other waits are shorter: listings are late by seconds there, too."""
HOLD_S = 10.0
"""A document this old is renewed before its job is asked for, lest it be taken over meanwhile."""


@dataclass(frozen=True, slots=True)
class Held:
    """A go whose document is this process' own."""

    study: Study
    go: Go
    version: str
    since: datetime


class Claims:
    """The documents that this process puts down, each before it asks for a job."""

    def __init__(self, plan: SweepPlan, bucket: Bucket, *, clock: Clock) -> None:
        self._plan = plan
        self._bucket = bucket
        self._clock = clock
        self._writer = this_process()
        self._token = uuid.uuid4().hex
        self._sent: dict[str, datetime] = {}
        """Study → when this process last asked for a job of it."""

    def is_waited_for(self, study: Study, place: goes.Place) -> bool:
        """Whether a job that somebody asked for may be on its way, and not be listed yet."""
        if not place.claims:
            return False
        if any(token != self._token for token in place.claims):
            return True
        # All are ours: no job of theirs is unknown before one was asked for.
        sent = self._sent.get(study.key)
        return sent is not None and self._age_s(sent) < SETTLE_S

    def take(self, study: Study, go: Go, *, version: str | None) -> Held | None:
        """Put the document of a go down; None when another study took the folder meanwhile.

        `version` is that of this study's document that lies there and is to be taken over.

        Raises:
            StoreConflict: another process did, and is about to ask for the job; says which.
            Transient: the bucket did not answer. Tried again, our own document is known.
        """
        try:
            return self._put(study, go, version=version)
        except StoreConflict:
            with passing():
                found = goes.look(study, go.attempt, self._bucket)
            if found.is_anothers:
                return None
            raise self._taken(go, found.claim) from None

    def hold(self, held: Held) -> Held:
        """Make sure that the document is ours still, just before the job is asked for.

        Raises:
            StoreConflict: this process took so long that another one took it over.
            Transient: the bucket did not answer.
        """
        held = self.renewed(held)
        self._sent[held.study.key] = self._clock.now()
        return held

    def renewed(self, held: Held) -> Held:
        """Make sure that the document is ours still; raises what `hold` raises."""
        if self._age_s(held.since) < HOLD_S:
            return held
        try:
            # Written, not only read: whoever would take over what it saw fails from here on.
            return self._put(held.study, held.go, version=held.version)
        except StoreConflict:
            raise self.lost(held) from None

    def lost(self, held: Held) -> StoreConflict:
        """Return the error of a document that another process took over."""
        with passing():
            found = goes.look(held.study, held.go.attempt, self._bucket)
        return self._taken(held.go, found.claim)

    def not_begun(self, study: Study) -> None:
        """Note that the job that was just asked for surely is not there."""
        self._sent.pop(study.key, None)

    def restore(self, study: Study, go: Go) -> None:
        """Put the document of a job that is at work back where somebody removed it.

        Without it, trials that have not begun yet would refuse to.
        """
        with passing():
            if self._bucket.seen(study_uri(go)) is None:
                with suppress(StoreConflict):
                    self._put(study, go, version=None)

    def moved(
        self, study: Study, before: goes.Place, now: goes.Place
    ) -> StoreConflict | Transient | None:
        """Return the error of what somebody did to a free place while it was waited for.

        None where nobody did anything, or another study took it. No job of the place is listed.
        """
        if (now.attempt, now.version) == (before.attempt, before.version):
            return None
        go = goes.folder_go(study, attempt=before.attempt, trials=study.trials)
        with passing():
            found = goes.look(study, before.attempt, self._bucket)
        if not found.is_ours:
            return None
        if found.claim is not None and found.claim.token == self._token:
            return Transient(f"{go.folder}: trials write there, and their job is not listed yet")
        return self._taken(go, found.claim)

    def _put(self, study: Study, go: Go, *, version: str | None) -> Held:
        now = self._clock.now()
        claim = Claim(self._writer, self._token, now.isoformat(timespec="seconds"))
        file = study_file(study, self._plan, core=__version__, attempt=go.attempt)
        with passing():
            made = self._bucket.replace(
                study_uri(go),
                written(file, claim=claim).encode(),
                version=version,
                token=self._token,
                writer=self._writer,
            )
        # From before it was sent: it may have arrived at any moment since.
        return Held(study, go, made, now)

    def _taken(self, go: Go, claim: Claim | None) -> StoreConflict:
        who = f"{claim.writer} put it there at {claim.at}" if claim else "somebody else was first"
        return StoreConflict(
            f"{study_uri(go)}: another process is asking for this job: {who}.",
            hint="Run the same command in a minute: it finds that job and follows it. One "
            "operator is enough for a sweep.",
        )

    def _age_s(self, since: datetime) -> float:
        return (self._clock.now() - since).total_seconds()
