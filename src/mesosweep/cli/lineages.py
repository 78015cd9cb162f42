"""Several curricula side by side: one training seed each, walked in turns by one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.cli.clocks import WorldClock, now
from mesosweep.domain.errors import Interrupted, MesosweepError, StageError

if TYPE_CHECKING:
    from mesosweep.cli.interrupt import Stop
    from mesosweep.domain.events import Event, Verified
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.state import SweepState
    from mesosweep.domain.study import JobRef, Study
    from mesosweep.domain.trial import Trial
    from mesosweep.ports import Backend, Judge
    from mesosweep.report.picture import Picture


@dataclass
class Lineage:
    """One training seed and how far it has come."""

    seed: int
    plan: SweepPlan
    picture: Picture
    error: MesosweepError | None = None
    """What broke it off."""
    job: JobRef | None = None
    """Under way."""
    events: Iterator[Event] | None = field(default=None, repr=False)

    @property
    def state(self) -> SweepState:
        return self.picture.state


def lineages_of(plans: Sequence[SweepPlan]) -> list[Lineage]:
    """Return the lineages of plans that differ in their seed, none of them begun."""
    from mesosweep.report.picture import picture_of

    return [
        Lineage(plan.stages[0].settings.seed, plan, picture_of(plan, seen_at=now()))
        for plan in plans
    ]


def walk(
    lineages: Sequence[Lineage], *, parallel: int, backend: Backend, stop: Stop
) -> Iterator[tuple[Lineage, Event]]:
    """Walk all lineages to their ends, `parallel` at a time; yield what happens.

    Training is in processes of its own, so that one process can look at all of them by
    turns. A lineage that breaks off keeps its error, and the others go on.

    Raises:
        Interrupted: `stop` said so; all trials have written a checkpoint and ended.
        SweepLocked: another process is at work at one of them; nothing was begun.
    """
    from mesosweep.stores.lock import acquire_lock

    with ExitStack() as locks:
        for lineage in lineages:
            locks.enter_context(acquire_lock(Path(lineage.plan.root), now=now()))
        waiting, going = list(lineages), list[Lineage]()
        try:
            while waiting or going:
                while waiting and len(going) < parallel:
                    lineage = waiting.pop(0)
                    lineage.events = _events(lineage.plan, backend, stop)
                    going.append(lineage)
                for lineage in list(going):
                    event = _next(lineage)
                    if event is None:
                        going.remove(lineage)
                    else:
                        yield lineage, event
        except Exception:
            # Whatever went wrong, trials under way write a checkpoint and end. A second
            # signal is no `Exception`: workers then end with us, at their last checkpoint.
            _end(going, backend)
            raise


def _events(plan: SweepPlan, backend: Backend, stop: Stop) -> Iterator[Event]:
    from mesosweep.cli.found import next_attempt
    from mesosweep.engine import run
    from mesosweep.stores.file import FileStore

    root = Path(plan.root)
    yield from run(
        replace(plan, first_attempt=next_attempt(root)),
        backend=backend,
        store=FileStore(root),
        judge=_judged(stop),
        clock=WorldClock(),
        stop=stop,
    )


def _next(lineage: Lineage) -> Event | None:
    """Return the lineage's next event; None once it is over, for better or worse."""
    assert lineage.events is not None
    try:
        event = next(lineage.events)
    except StopIteration:
        return None
    except Interrupted:
        raise
    except MesosweepError as error:
        lineage.error, lineage.job = error, None
        return None
    lineage.picture = lineage.picture.after(event)
    _follow_job(lineage, event)
    return event


def _follow_job(lineage: Lineage, event: Event) -> None:
    from mesosweep.domain.events import (
        StageFailed,
        StudyReattached,
        StudySubmitted,
        WinnerChosen,
    )

    match event:
        case StudySubmitted(job=job) | StudyReattached(job=job):
            lineage.job = job
        case WinnerChosen() | StageFailed():
            lineage.job = None
        case _:
            pass


def _end(going: Sequence[Lineage], backend: Backend) -> None:
    """End all jobs at once: each may take the whole of the time that is given to one."""
    jobs = [lineage.job for lineage in going if lineage.job is not None]
    if jobs:
        with ThreadPoolExecutor(len(jobs)) as pool:
            list(pool.map(backend.cancel, jobs))


def _judged(stop: Stop) -> Judge:
    """Return the judge of stages. What it does can be done again, so a stop need not wait."""
    from mesosweep.backends.judge import judge

    def judged(study: Study, winner: Trial, default: Trial | None) -> Verified:
        with stop.at_once():
            return judge(study, winner, default)

    return judged


def exit_code_of(lineages: Sequence[Lineage]) -> int:
    """Return 0 when all passed, 3 when a gate was missed, else the code of what broke one off."""
    faults = [x.error for x in lineages if x.error is not None]
    worse = [error.exit_code for error in faults if not isinstance(error, StageError)]
    missed = any(
        stage.winner is not None and not stage.winner.gate_passed
        for lineage in lineages
        for stage in lineage.state.stages
    )
    return worse[0] if worse else StageError.exit_code if faults or missed else 0


def teller(lineages: Sequence[Lineage], say: Callable[[str], None]) -> Callable[..., None]:
    """Return what tells the events of all lineages, each line under the seed that it is of."""
    from mesosweep.report.training import TrainingLines

    lines = {
        lineage.seed: TrainingLines(
            {stage.number: stage.settings.timesteps for stage in lineage.plan.stages}
        )
        for lineage in lineages
    }

    def tell(lineage: Lineage, event: Event) -> None:
        line = lines[lineage.seed].line(event)
        if line is not None:
            say(f"seed {lineage.seed}: {line}" if len(lineages) > 1 else line)

    return tell
