"""A job is asked for: in a free folder, with its document in the bucket and its entry in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from mesosweep.backends.vertex import goes
from mesosweep.backends.vertex.claiming import Claims, Held
from mesosweep.backends.vertex.client import Jobs
from mesosweep.backends.vertex.ledger import Ledger
from mesosweep.backends.vertex.parse import Message
from mesosweep.backends.vertex.patience import passing
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.backends.vertex.request import build_request
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import QuotaExhausted, StoreConflict
from mesosweep.domain.study import Study
from mesosweep.ports import Clock


class Asking:
    """Asks the service for jobs of the studies of one sweep. Raises Transient, as all here does.

    What is `beside` a study are the jobs of its sweep folder that the service lists.
    """

    def __init__(
        self,
        settings: JobSettings,
        *,
        sweep: str,
        jobs: Jobs,
        bucket: Bucket,
        clock: Clock,
        claims: Claims,
        ledger: Ledger | None,
    ) -> None:
        self._settings = settings
        self._sweep = sweep
        """Key of the sweep's state, for the ledger."""
        self._jobs = jobs
        self._bucket = bucket
        self._clock = clock
        self._claims = claims
        self._ledger = ledger

    def place(self, study: Study, *, beside: Sequence[Message]) -> goes.Place:
        """Return where the study's next job may write."""
        with passing():
            return goes.free_place(study, goes.taken_attempts(beside, study), self._bucket)

    def place_after(
        self, study: Study, before: goes.Place, *, beside: Sequence[Message]
    ) -> goes.Place:
        """Return where the study's next job may write, now that one at `before` was waited for.

        Raises:
            StoreConflict: another process took `before` meanwhile; the message names it.
            Transient: trials write there, and no job is listed that they could belong to.
        """
        place = self.place(study, beside=beside)
        is_listed = before.attempt in goes.taken_attempts(beside, study)
        if not is_listed and (error := self._claims.moved(study, before, place)) is not None:
            raise error
        return place

    def ask(
        self, study: Study, place: goes.Place, *, trials: int, beside: Sequence[Message]
    ) -> Message:
        """Create a job for so many trials of a study, and return it as the service tells it.

        Raises:
            StoreConflict: another process is asking for this job now; the message names it.
        """
        held = self._held(study, place, trials=trials, beside=beside)
        request = build_request(study, self._settings, held.go)
        self._claims.hold(self._entered(held))
        try:
            return self._jobs.create(request)
        except QuotaExhausted:
            self._claims.not_begun(study)
            raise

    def _held(
        self, study: Study, place: goes.Place, *, trials: int, beside: Sequence[Message]
    ) -> Held:
        """Return the go of what is left to ask for, its document in the bucket and ours."""
        while True:
            go = goes.folder_go(study, attempt=place.attempt, trials=trials)
            held = self._claims.take(study, go, version=place.version)
            if held is not None:
                return held
            place = self.place(study, beside=beside)

    def _entered(self, held: Held) -> Held:
        """Note in the ledger that the job of a held go is about to be asked for.

        Raises:
            StoreConflict: another process took the go over, and has an entry of its own.
        """
        if self._ledger is None:
            return held
        now = self._clock.now()
        with passing():
            # Before the document is known to be ours: who takes that over writes here later.
            before = self._ledger.seen(held.go)
            held = self._claims.renewed(held)
            try:
                self._ledger.ask(held.study, held.go, sweep=self._sweep, now=now, over=before)
            except StoreConflict:
                raise self._claims.lost(held) from None
        return held
