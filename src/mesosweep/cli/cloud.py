"""A sweep on Vertex AI: state and files in a bucket, jobs that outlive this process, money."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesosweep.cli.agreeing import Estimate, agree
from mesosweep.cli.clocks import LeavingClock, WorldClock
from mesosweep.cli.faults import say
from mesosweep.cli.remote import note_root
from mesosweep.cli.site import judge_here, kept_here, opened_backend, plain_offers
from mesosweep.domain.errors import MesosweepError

if TYPE_CHECKING:
    from mesosweep.cli.carrying import Carrier
    from mesosweep.cli.rehearsing import Rehearsal
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.state import SweepState
    from mesosweep.domain.study import JobRef
    from mesosweep.engine.retry import Retry
    from mesosweep.plugins import Registry
    from mesosweep.ports import Backend, Clock, Judge, Store
    from mesosweep.worker.check import StageCheck

_SECOND_S = 4.0
"""So long after the first signal a second one is waited for."""


class CloudSite:
    """A `Site` whose root is in a bucket; `here` holds the lock and a copy."""

    goes_on_alone = True
    stopping = "Leaving: the job goes on without this process. Once more, soon, cancels it."

    def __init__(self, plan: SweepPlan, registry: Registry, *, rehearsal: Rehearsal | None) -> None:
        """Look at what is said of jobs and at credentials; nothing is asked of anybody yet.

        Raises:
            SettingsError: a setting is missing or malformed.
            ExtraMissing: Google's packages are not installed.
            Refused: there are no credentials.
        """
        from mesosweep.backends.vertex.money import quote_of
        from mesosweep.backends.vertex.settings import JobSettings
        from mesosweep.stores.gcs_address import Address
        from mesosweep.stores.gcs_mirror import Mirror
        from mesosweep.stores.gcs_objects import Objects

        self._plan = plan
        self._registry = registry
        self._rehearsal = rehearsal
        self.here = Path(plan.here)
        self.settings = JobSettings.of(plan, environ=os.environ, trial_s={})
        self.quote = quote_of(self.settings, price_file=plan.price_file)
        self.objects = Objects(clock=WorldClock(), project=self.settings.project)
        self._root = Address.parse(plan.root)
        self._mirror = Mirror(
            self.objects.bucket(self._root.bucket), root=self._root, folder=self.here
        )

    @cached_property
    def _carrier(self) -> Carrier:
        from mesosweep.cli.carrying import Carrier

        return Carrier(self.objects, self._mirror)

    @cached_property
    def _saved(self) -> SweepState | None:
        kept_here(self._plan)  # complains of another place's sweep
        if not self._plan.resume:
            return None
        loaded = self.store(say).load(self._plan.sweep_key)
        return None if loaded is None else loaded[0]

    def state(self) -> SweepState | None:
        return self._saved

    def as_seen(self, plan: SweepPlan) -> SweepPlan:
        return plan if plan.load is None else replace(plan, load=self._carrier.fetched(plan.load))

    def as_sent(self, plan: SweepPlan) -> SweepPlan:
        note_root(self.here, self._root.uri)
        return self._carrier.sent(plan)

    def agree(self, measured: Mapping[int, StageCheck], *, yes: bool) -> None:
        if self._saved is not None and self._saved.fingerprint != self._plan.fingerprint:
            return  # nobody is asked to pay for what will be refused
        estimate = Estimate.of(self._plan, self._saved, self.quote, measured)
        agree(
            self._plan,
            self.settings,
            estimate,
            spent_usd=self._spent_usd(),
            yes=yes,
            has_job=self._has_job(),
        )

    def next_attempt(self) -> int:
        from mesosweep.records.layout import stage_and_attempt

        start = f"{self._root.uri}/"
        names = self.objects.names(f"{start}stage")
        folders = {name.removeprefix(start).partition("/")[0] for name in names}
        used = [place[1] for folder in folders if (place := stage_and_attempt(folder))]
        return max(used, default=-1) + 1

    def store(self, warn: Callable[[str], None]) -> Store:
        from mesosweep.stores.gcs import GcsStore, LocalCopy

        bucket = self.objects.bucket(self._root.bucket)
        return GcsStore(self._root, bucket=bucket, copy=LocalCopy(self.here, warn))

    def backend(self, plan: SweepPlan, measured: Mapping[int, StageCheck]) -> Backend:
        estimate = Estimate.of(plan, self._saved, self.quote, measured)
        told: dict[str, Callable[[], Any]] = {
            "bucket": lambda: self.objects,
            "trial_s": lambda: estimate.trial_s,
            "hurry": lambda: self._hurry,
        }
        offers = {**plain_offers(plan, self._registry), **told}
        backend: Any = opened_backend(plan, self._registry, offers)
        if plan.max_cost_usd is None:
            return backend  # type: ignore[no-any-return]  # a Backend, by its protocol
        from mesosweep.backends.vertex.money import CappedBackend

        return CappedBackend(
            backend,
            plan=plan,
            since=self._since(plan),
            bucket=self.objects,
            quote=self.quote,
            trial_usd=estimate.trial_usd,
        )

    def clock(self, stop: Callable[[], bool]) -> Clock:
        return LeavingClock(stop)

    def judge(self) -> Judge:
        from mesosweep.backends.vertex.judging import MirroredJudge

        return MirroredJudge(
            judge_here,
            self._mirror,
            fetch=self._carrier.fetched,
            stage_dir=self._plan.stage_dir,
        )

    def retry(self) -> Retry:
        from mesosweep.engine.retry import Retry

        return Retry().hurried(self._hurry)

    def gather(self) -> None:
        from mesosweep.backends.vertex.judging import is_kept_here

        with suppress(MesosweepError):  # what went wrong is told already
            self._mirror.bring(wanted=is_kept_here)

    def publish(self, path: Path) -> None:
        self._mirror.give(path)

    def is_told_again(self) -> bool:
        if not sys.stderr.isatty():
            return False
        say(f"Left. Ctrl-C once more within {_SECOND_S:.0f} s cancels the job.")
        try:
            time.sleep(_SECOND_S)
        except KeyboardInterrupt:
            return True
        return False

    def left(self, backend: Backend, job: JobRef) -> str | None:
        del backend  # it is not asked for anything: the job has its own life
        return self.fate(job)

    def ended(self, backend: Backend, job: JobRef) -> str | None:
        say(f"Cancelling {job.name}, and waiting until it has ended …")
        backend.cancel(job)
        return (
            f"{job.name} was cancelled and has ended. Finished trials are kept; "
            "the same command asks for the rest."
        )

    def given_up(self, job: JobRef) -> str:
        return (
            f"Nobody waited for the end of {job.name}. It was asked to end, or about to be: it may "
            f"go on, and go on costing.\n  how it stands:  {self._line('jobs', 'list', '--all')}\n"
            f"  make sure:      {self._line('jobs', 'cancel', job.name)}\n"
            "  The same command finds it, and asks for what it left undone."
        )

    def fate(self, job: JobRef) -> str:
        """Return what becomes of a job that nobody looks at any more, and how to end it."""
        if self._rehearsal is not None:
            costs = "Nothing is billed: it is a rehearsal on this machine."
        elif (rate := self.quote.usd_per_hour) is None:
            costs = "It goes on costing."
        else:
            costs = f"It goes on costing, ${rate:.2f} an hour for each of its running trials."
        watch = "" if self._rehearsal is not None or not job.url else f"  watch it:  {job.url}\n"
        return (
            f"The job goes on: {job.name}\n  {costs}\n{watch}"
            f"  end it:    {self._line('jobs', 'cancel', job.name)}"
        )

    @property
    def before(self) -> tuple[str, ...]:
        return self._rehearsal.words if self._rehearsal is not None else ()

    def _line(self, *words: str) -> str:
        return shlex.join(("mesosweep", *self.before, *words))

    @property
    def _hurry(self) -> float:
        return self._rehearsal.hurry if self._rehearsal is not None else 1.0

    def _since(self, plan: SweepPlan) -> int:
        return plan.first_attempt if self._saved is None else self._saved.attempt

    def _has_job(self) -> bool:
        """Whether a job may be under way: it goes on, whatever is said of it here."""
        stages = self._saved.stages if self._saved is not None else ()
        return any(stage.status in ("submitting", "running") for stage in stages)

    def _spent_usd(self) -> float:
        from mesosweep.backends.vertex.ledger import entries_of, spent_usd

        if self._saved is None:
            return 0.0
        entries = entries_of(self._root.uri, self.objects)
        return spent_usd(entries, sweep=self._plan.sweep_key, since=self._saved.attempt)
