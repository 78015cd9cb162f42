"""What `run-all` and `launch` share: from a plan to its last event, its table and its exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.clocks import now
from mesosweep.cli.ending import collecting, conclude, line, submitted, tell
from mesosweep.cli.faults import say
from mesosweep.cli.interrupt import Stop
from mesosweep.cli.panels import CLOUD, OUTPUT
from mesosweep.domain.errors import BudgetReached, Interrupted, MesosweepError, Refused

if TYPE_CHECKING:
    from mesosweep.cli.argv import Words
    from mesosweep.cli.rehearsing import Rehearsal
    from mesosweep.cli.screen import Follower
    from mesosweep.cli.site import Site
    from mesosweep.domain.events import Event, Verified
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.study import JobRef, Study
    from mesosweep.domain.trial import Trial
    from mesosweep.plugins import Registry
    from mesosweep.ports import Backend, Judge
    from mesosweep.report.picture import Picture
    from mesosweep.worker.check import StageCheck

GATE_MISSED = 3

NoCheck = Annotated[
    bool,
    typer.Option(
        "--no-check",
        rich_help_panel=OUTPUT,
        help="Begin at once: do not build the corners of the spaces first.",
    ),
]
EventsFile = Annotated[
    Path | None,
    typer.Option(
        "--events",
        rich_help_panel=OUTPUT,
        metavar="FILE",
        help="Append every event to FILE, one JSON object a line.",
    ),
]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        rich_help_panel=CLOUD,
        help="Agree to what it will cost; needed where nobody can answer.",
    ),
]


@dataclass
class _Run:
    """One process's go at a sweep: where it is, and what it should tell in the end."""

    site: Site
    plan: SweepPlan
    measured: Mapping[int, StageCheck]
    events: Path | None
    follows: bool
    """Whether to watch jobs that would go on alone."""
    job: JobRef | None = None
    """Under way."""
    is_asking: bool = False
    """A job is being asked for, and no answer has come yet."""
    fates: list[str] = field(default_factory=list)
    """What becomes of it, to be told when the screen is free."""


def execute(
    plan: SweepPlan,
    *,
    registry: Registry,
    words: Words,
    check: bool,
    events: Path | None,
    yes: bool,
    follows: bool = True,
) -> int:
    """Run a plan to its end, show it meanwhile, and return the exit code.

    `words` is what made the plan. With `follows` false, jobs that go on alone are only
    submitted.
    """
    from mesosweep.report.picture import picture_of
    from mesosweep.report.results.commands import remember
    from mesosweep.report.summary import gate_was_missed
    from mesosweep.stores.lock import acquire_lock

    come_back = [word for word in words.argv if word != "--no-resume"]
    for note in plan.notes:
        say(note)
    site = site_of(plan, registry, rehearsal=words.rehearsal)
    has_begun = site.state() is not None
    measured = _looked_at(site.as_seen(plan), site, check=check, has_begun=has_begun)
    site.agree(measured, yes=yes)
    with acquire_lock(site.here, now=now()):
        remember(site.here, words.argv, now=now())
        plan = replace(site.as_sent(plan), first_attempt=site.next_attempt())
        going = _Run(site, plan, measured, events, follows)
        picture = unseen = picture_of(plan, seen_at=now())
        try:
            for seen in _pictures(going, unseen):
                picture = seen
        except (Interrupted, KeyboardInterrupt):
            tell(going.fates)
            say(f"Stopped. Everything is saved; go on with:\n  {line(come_back)}")
            return Interrupted.exit_code
        except MesosweepError:
            site.gather()
            if picture is not unseen:
                conclude(picture, come_back)
            tell(going.fates)
            raise
    if site.goes_on_alone and not follows and going.job is not None:
        submitted(going.job, plan, words)
        return 0
    conclude(picture, come_back, collect=collecting(plan, words))
    return GATE_MISSED if gate_was_missed(picture.state) else 0


def site_of(plan: SweepPlan, registry: Registry, *, rehearsal: Rehearsal | None) -> Site:
    """Return where a plan's sweep is kept and run."""
    from mesosweep.settings.job import ELSEWHERE

    if plan.backend == ELSEWHERE:
        from mesosweep.cli.cloud import CloudSite

        return CloudSite(plan, registry, rehearsal=rehearsal)
    from mesosweep.cli.site import LocalSite

    return LocalSite(plan, registry)


def _looked_at(
    plan: SweepPlan, site: Site, *, check: bool, has_begun: bool
) -> Mapping[int, StageCheck]:
    """Look at all that would fail after hours and can be known in seconds; return what was found."""
    if not has_begun and plan.load is not None:
        from mesosweep.records.bundle import open_bundle

        # A checkpoint that no trial could start from is refused before anything is written.
        open_bundle(Path(plan.load.uri))
    # What a cloud charges depends on the speed; else a sweep that has begun was checked then.
    if not check or (has_begun and not site.goes_on_alone):
        return {}
    from mesosweep.worker.check import checked

    say("Building the corners of the search spaces (--no-check skips it) …")
    return {found.stage: found for found in checked(plan)}


def _pictures(going: _Run, picture: Picture) -> Iterator[Picture]:
    """Run the plan; yield the picture after each event, which readers have seen by then."""
    from mesosweep.cli.screen import follower
    from mesosweep.engine import run
    from mesosweep.report.dashboard import DashboardFile
    from mesosweep.report.events import EventFile
    from mesosweep.report.results.stage_files import StageFiles

    site, plan = going.site, going.plan
    with ExitStack() as open_things:
        readers: list[Callable[[Event], None]] = []
        if going.events is not None:
            readers.append(open_things.enter_context(EventFile(going.events)))
        screen: Follower = open_things.enter_context(follower(picture, now=now))
        readers.append(screen)
        shown = replace(plan, root=str(site.here))
        readers.append(open_things.enter_context(DashboardFile(shown, now=now, warn=screen.say)))
        readers.append(
            StageFiles(site.here, warn=screen.say, gather=site.gather, publish=site.publish)
        )
        stop = open_things.enter_context(Stop(screen.say, site.stopping))
        backend = site.backend(plan, going.measured)
        told = run(
            plan,
            backend=backend,
            store=site.store(screen.say),
            judge=_judged(site.judge(), stop),
            clock=site.clock(stop),
            retry=site.retry(),
            stop=stop,
        )
        try:
            for event in told:
                _follow_job(going, event)
                for read in readers:
                    read(event)
                yield screen.picture
                if going.job is not None and site.goes_on_alone and not going.follows:
                    return
        except (Exception, KeyboardInterrupt) as error:
            _leave(going, backend, error)
            raise


def _follow_job(going: _Run, event: Event) -> None:
    """Know the job that is under way, so that it can be left or ended."""
    from mesosweep.domain.events import (
        RetryScheduled,
        StageFailed,
        StudyReattached,
        StudySubmitted,
        StudySubmitting,
        WinnerChosen,
    )

    going.is_asking = isinstance(event, StudySubmitting | RetryScheduled)
    match event:
        case StudySubmitted(job=job) | StudyReattached(job=job):
            going.job = job
        case WinnerChosen() | StageFailed():
            going.job = None
        case _:
            pass


def _leave(going: _Run, backend: Backend, error: BaseException) -> None:
    """Do with a job under way what its place does when nobody looks at it any more."""
    site = going.site
    if going.job is None and going.is_asking and site.goes_on_alone:
        if not isinstance(error, Refused | BudgetReached):
            going.fates.append(
                "No answer tells whether the job was created. The same command finds it if it was; "
                "so does `mesosweep jobs list`."
            )
        return
    # What went over its budget was ended before that was said.
    if going.job is None or isinstance(error, BudgetReached):
        return
    is_order = isinstance(error, KeyboardInterrupt)
    if isinstance(error, Interrupted):
        is_order = site.is_told_again()
    fate = (site.ended if is_order else site.left)(backend, going.job)
    if fate is not None:
        going.fates.append(fate)


def _judged(judge: Judge, stop: Stop) -> Judge:
    """Return the judge of winners. What it does can be done again, so a stop need not wait."""

    def judged(study: Study, winner: Trial, default: Trial | None) -> Verified:
        with stop.at_once():
            return judge(study, winner, default)

    return judged
