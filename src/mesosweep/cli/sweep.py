"""What `run-all` and `launch` share: from a plan to its last event, its table and its exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.clocks import now
from mesosweep.cli.ending import collecting, conclude, line, submitted, tell
from mesosweep.cli.faults import say
from mesosweep.cli.interrupt import Stop
from mesosweep.cli.leaving import Underway
from mesosweep.cli.panels import CLOUD, OUTPUT
from mesosweep.domain.errors import Interrupted, MesosweepError

if TYPE_CHECKING:
    from mesosweep.cli.argv import Words
    from mesosweep.cli.rehearsing import Rehearsal
    from mesosweep.cli.screen import Follower
    from mesosweep.cli.site import Site
    from mesosweep.domain.events import Event, Verified
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.study import Study
    from mesosweep.domain.trial import Trial
    from mesosweep.plugins import Registry
    from mesosweep.ports import Judge
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


@dataclass(frozen=True, slots=True)
class _Run:
    """One process's go at a sweep: what is run where, and who hears of it."""

    site: Site
    plan: SweepPlan
    measured: Mapping[int, StageCheck]
    events: Path | None
    follows: bool
    """Whether to watch jobs that would go on alone."""
    underway: Underway


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
        underway = Underway(site)
        going = _Run(site, plan, measured, events, follows, underway)
        picture = unseen = picture_of(plan, seen_at=now())
        try:
            for seen in _pictures(going, unseen):
                picture = seen
        except (Interrupted, KeyboardInterrupt):
            tell(underway.fates)
            say(f"Stopped. Everything is saved; go on with:\n  {line(come_back)}")
            return Interrupted.exit_code
        except MesosweepError:
            site.gather()
            if picture is not unseen:
                conclude(picture, come_back)
            tell(underway.fates)
            raise
    if site.goes_on_alone and not follows and underway.job is not None:
        submitted(underway.job, plan, words)
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
        from mesosweep.stores import reach

        # A checkpoint that no trial could start from is refused before anything is written.
        open_bundle(reach.bundle(plan.load.uri))
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

    site, plan, underway = going.site, going.plan, going.underway
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
                underway.follow(event)
                for read in readers:
                    read(event)
                yield screen.picture
                if underway.job is not None and site.goes_on_alone and not going.follows:
                    return
        except (Exception, KeyboardInterrupt) as error:
            underway.leave(backend, error)
            raise


def _judged(judge: Judge, stop: Stop) -> Judge:
    """Return the judge of winners. What it does can be done again, so a stop need not wait."""

    def judged(study: Study, winner: Trial, default: Trial | None) -> Verified:
        with stop.at_once():
            return judge(study, winner, default)

    return judged
