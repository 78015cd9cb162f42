"""What `run-all` and `launch` share: from a plan to its last event, its table and its exit code."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.faults import say
from mesosweep.cli.interrupt import Stop
from mesosweep.domain.errors import Interrupted, MesosweepError

if TYPE_CHECKING:
    from mesosweep.cli.screen import Follower
    from mesosweep.domain.events import Event, Verified
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.study import JobRef, Study
    from mesosweep.domain.trial import Trial
    from mesosweep.plugins import Registry
    from mesosweep.ports import Backend, Judge
    from mesosweep.report.picture import Picture

GATE_MISSED = 3
_PANEL = "Output"

NoCheck = Annotated[
    bool,
    typer.Option(
        "--no-check",
        rich_help_panel=_PANEL,
        help="Begin at once: do not build the corners of the spaces first.",
    ),
]
EventsFile = Annotated[
    Path | None,
    typer.Option(
        "--events",
        rich_help_panel=_PANEL,
        metavar="FILE",
        help="Append every event to FILE, one JSON object a line.",
    ),
]


def execute(
    plan: SweepPlan,
    *,
    registry: Registry,
    again: Sequence[str],
    check: bool,
    events: Path | None,
) -> int:
    """Run a plan to its end, show it meanwhile, and return the exit code.

    `again` is the argv that made the plan.
    """
    from mesosweep.cli.found import next_attempt
    from mesosweep.report.picture import picture_of
    from mesosweep.report.summary import gate_was_missed
    from mesosweep.stores.lock import acquire_lock

    root = Path(plan.root)
    come_back = [word for word in again if word != "--no-resume"]
    for note in plan.notes:
        say(note)
    begun = plan.resume and (root / f"{plan.sweep_key}.json").exists()
    if not begun:
        _start_is_whole(plan)
    if check and not begun:  # else it was done when the sweep began
        _preflight(plan)
    with acquire_lock(root, now=_now()):
        plan = replace(plan, first_attempt=next_attempt(root))
        picture = unseen = picture_of(plan, seen_at=_now())
        try:
            for seen in _pictures(plan, unseen, registry=registry, events=events):
                picture = seen
        except (Interrupted, KeyboardInterrupt):
            say(f"Stopped. Everything is saved; go on with:\n  {_line(come_back)}")
            return Interrupted.exit_code
        except MesosweepError:
            if picture is not unseen:
                _conclude(picture, come_back)
            raise
    _conclude(picture, come_back)
    return GATE_MISSED if gate_was_missed(picture.state) else 0


def _start_is_whole(plan: SweepPlan) -> None:
    """Raise CheckpointDamaged for a `--load` that no trial could start from, before anything is written."""
    if plan.load is not None and not plan.load.uri.startswith(("gs://", "/gcs/")):
        from mesosweep.records.bundle import open_bundle

        open_bundle(Path(plan.load.uri))


def _preflight(plan: SweepPlan) -> None:
    """Build what trials will build, so that nothing fails after hours that fails in seconds."""
    from mesosweep.worker.check import checked

    say("Building the corners of the search spaces (--no-check skips it) …")
    checked(plan)


def _pictures(
    plan: SweepPlan, picture: Picture, *, registry: Registry, events: Path | None
) -> Iterator[Picture]:
    """Run the plan; yield the picture after each event, which readers have seen by then."""
    from mesosweep.cli.screen import follower
    from mesosweep.engine import run
    from mesosweep.report.dashboard import DashboardFile
    from mesosweep.report.events import EventFile
    from mesosweep.stores.file import FileStore

    with ExitStack() as open_things:
        readers: list[Callable[[Event], None]] = []
        if events is not None:
            readers.append(open_things.enter_context(EventFile(events)))
        screen: Follower = open_things.enter_context(follower(picture, now=_now))
        readers.append(screen)
        readers.append(open_things.enter_context(DashboardFile(plan, now=_now, warn=screen.say)))
        stop = open_things.enter_context(Stop(screen.say))
        backend = _backend(plan, registry)
        watched = _Watched(backend)
        readers.append(watched)
        told = run(
            plan,
            backend=backend,
            store=FileStore(Path(plan.root)),
            judge=_judge(stop),
            clock=_Clock(),
            stop=stop,
        )
        try:
            for event in told:
                for read in readers:
                    read(event)
                yield screen.picture
        except Exception:
            # Whatever went wrong, trials under way write a checkpoint and end. A second
            # signal is no `Exception`: workers then end with us, at their last checkpoint.
            watched.end()
            raise


def _backend(plan: SweepPlan, registry: Registry) -> Backend:
    from mesosweep.plugins import BACKENDS, SAMPLERS

    sampler = registry.get(SAMPLERS, plan.sampler)()
    backend: Backend = registry.get(BACKENDS, plan.backend)(sampler=sampler, registry=registry)
    return backend


class _Watched:
    """Knows the job that is under way, so that it can be ended."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._job: JobRef | None = None

    def __call__(self, event: Event) -> None:
        from mesosweep.domain.events import (
            StageFailed,
            StudyReattached,
            StudySubmitted,
            WinnerChosen,
        )

        match event:
            case StudySubmitted(job=job) | StudyReattached(job=job):
                self._job = job
            case WinnerChosen() | StageFailed():
                self._job = None
            case _:
                pass

    def end(self) -> None:
        if self._job is not None:
            self._backend.cancel(self._job)


class _Clock:
    """The clock of the world outside."""

    def now(self) -> datetime:
        return _now()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _now() -> datetime:
    return datetime.now(UTC)


def _judge(stop: Stop) -> Judge:
    """Return the judge of winners. What it does can be done again, so a stop need not wait."""
    from mesosweep.backends.judge import judge

    def judged(study: Study, winner: Trial, default: Trial | None) -> Verified:
        with stop.at_once():
            return judge(study, winner, default)

    return judged


def _conclude(picture: Picture, again: Sequence[str]) -> None:
    from mesosweep.cli.screen import output
    from mesosweep.report.summary import show, summary, what_next

    show(output(), summary(picture, next_command=what_next(picture.state, again=again)))


def _line(argv: Sequence[str]) -> str:
    return shlex.join(["mesosweep", *argv])
