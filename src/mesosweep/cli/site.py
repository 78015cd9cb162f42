"""Where a sweep is kept and run: what differs between this machine and a cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mesosweep.cli.clocks import WorldClock
from mesosweep.cli.interrupt import STOPPING
from mesosweep.domain.errors import UsageError

if TYPE_CHECKING:
    from mesosweep.domain.events import Verified
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.state import SweepState
    from mesosweep.domain.study import JobRef, Study
    from mesosweep.domain.trial import Trial
    from mesosweep.engine.retry import Retry
    from mesosweep.plugins import Registry
    from mesosweep.ports import Backend, Clock, Judge, Store
    from mesosweep.worker.check import StageCheck


class Site(Protocol):
    """A plan's place. `here` is its folder on this machine, wherever its trials run."""

    here: Path
    goes_on_alone: bool
    """Whether its jobs outlive this process."""
    stopping: str
    """What the first signal is answered with."""

    @property
    def before(self) -> tuple[str, ...]:
        """How a command that speaks to its jobs begins: `rehearse` where that is one."""

    def state(self) -> SweepState | None:
        """Return what is saved of the sweep; None when there is nothing to go on with."""

    def as_seen(self, plan: SweepPlan) -> SweepPlan:
        """Return the plan with all its files on this machine."""

    def as_sent(self, plan: SweepPlan) -> SweepPlan:
        """Return the plan with all its files where trials find them."""

    def agree(self, measured: Mapping[int, StageCheck], *, yes: bool) -> None:
        """Return if what this will cost is allowed and agreed to; raises otherwise."""

    def next_attempt(self) -> int:
        """Return an attempt that no stage folder of the sweep has used."""

    def store(self, warn: Callable[[str], None]) -> Store: ...
    def backend(self, plan: SweepPlan, measured: Mapping[int, StageCheck]) -> Backend: ...
    def clock(self, stop: Callable[[], bool]) -> Clock: ...
    def judge(self) -> Judge: ...
    def retry(self) -> Retry: ...

    def gather(self) -> None:
        """Have the records and logs of all trials on this machine, as far as they can be had."""

    def publish(self, path: Path) -> None:
        """Carry a file below `here` on to where the sweep is kept; raises StoreError."""

    def is_told_again(self) -> bool:
        """Whether a second signal follows the first at once, where that makes a difference."""

    def left(self, backend: Backend, job: JobRef) -> str | None:
        """Leave the job, for whatever reason; return what becomes of it."""

    def ended(self, backend: Backend, job: JobRef) -> str | None:
        """Answer a second signal; return what became of the job."""

    def given_up(self, job: JobRef) -> str | None:
        """Answer a third signal, which came while the job was ended; return what is known of it."""


class LocalSite:
    """Trials are processes of this machine, and everything lies in one folder."""

    goes_on_alone = False
    stopping = STOPPING
    before = ()

    def __init__(self, plan: SweepPlan, registry: Registry) -> None:
        if plan.root.startswith("gs://"):
            raise UsageError(
                f"--output-dir {plan.root.partition('/sweeps/')[0]}: trials on this machine write "
                "into a folder, not into a bucket.",
                hint="On Vertex AI, name --project, --bucket and --image.",
            )
        self._plan = plan
        self._registry = registry
        self.here = Path(plan.root)

    def state(self) -> SweepState | None:
        return kept_here(self._plan)

    def as_seen(self, plan: SweepPlan) -> SweepPlan:
        return plan

    def as_sent(self, plan: SweepPlan) -> SweepPlan:
        return plan

    def agree(self, measured: Mapping[int, StageCheck], *, yes: bool) -> None:
        """Nothing is paid for here."""

    def next_attempt(self) -> int:
        from mesosweep.cli.found import next_attempt

        return next_attempt(self.here)

    def store(self, warn: Callable[[str], None]) -> Store:
        from mesosweep.stores.file import FileStore

        del warn  # what is not saved is raised
        return FileStore(self.here)

    def backend(self, plan: SweepPlan, measured: Mapping[int, StageCheck]) -> Backend:
        del measured  # no trial is ended for being slow
        offers = plain_offers(plan, self._registry)
        return opened_backend(plan, self._registry, offers)

    def clock(self, stop: Callable[[], bool]) -> Clock:
        del stop  # workers are asked to end, and that is waited for
        return WorldClock()

    def judge(self) -> Judge:
        return judge_here

    def retry(self) -> Retry:
        from mesosweep.engine.retry import Retry

        return Retry()

    def gather(self) -> None:
        """Everything is here."""

    def publish(self, path: Path) -> None:
        """It is where the sweep is kept."""

    def is_told_again(self) -> bool:
        return False

    def left(self, backend: Backend, job: JobRef) -> str | None:
        # Whatever went wrong, trials under way write a checkpoint and end.
        backend.cancel(job)
        return None

    def ended(self, backend: Backend, job: JobRef) -> str | None:
        del backend, job  # workers end with us, at their last checkpoint
        return None

    def given_up(self, job: JobRef) -> str | None:
        del job  # as above
        return None


def judge_here(study: Study, winner: Trial, default: Trial | None) -> Verified:
    from mesosweep.backends.judge import judge

    return judge(study, winner, default)


def kept_here(plan: SweepPlan) -> SweepState | None:
    """Return the state in the folder here, if the plan goes on with one.

    Raises:
        UsageError: it is of a sweep that runs elsewhere, or here and the plan's does not.
    """
    from mesosweep.stores.file import FileStore

    if not (Path(plan.here) / f"{plan.sweep_key}.json").exists():
        return None
    loaded = FileStore(Path(plan.here)).load(plan.sweep_key)
    if loaded is None:
        return None
    state = loaded[0]
    others = {s.job.backend for s in state.stages if s.job is not None} - {plan.backend}
    if others:
        raise UsageError(
            f"{plan.here} holds a sweep that runs on {', '.join(sorted(others))}, "
            f"not on {plan.backend}.",
            hint="Choose another folder for this one: --output-dir DIR",
        )
    return state if plan.resume else None


def opened_backend(
    plan: SweepPlan, registry: Registry, offers: Mapping[str, Callable[[], Any]]
) -> Backend:
    """Open the plan's backend with what it asks for."""
    from mesosweep.plugins import BACKENDS
    from mesosweep.ports.opening import opened

    return opened(registry.get(BACKENDS, plan.backend), offers, name=plan.backend)


def plain_offers(plan: SweepPlan, registry: Registry) -> dict[str, Callable[[], Any]]:
    """Return what is offered to every backend; see `ports.opening.OFFERED`."""
    from mesosweep.plugins import SAMPLERS

    return {
        "plan": lambda: plan,
        "registry": lambda: registry,
        "sampler": lambda: registry.get(SAMPLERS, plan.sampler)(),  # noqa: PLW0108  # found when asked for
        "clock": WorldClock,
        "bucket": lambda: None,
        "trial_s": dict,
        "hurry": lambda: 1.0,
    }
