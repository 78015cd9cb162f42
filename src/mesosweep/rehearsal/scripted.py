"""A runner that trains nothing: each process follows a script, and time is the test's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mesosweep.rehearsal.orders import Measurement
from mesosweep.rehearsal.running import Exit, Launch, Sighting

SIGKILLED = Exit(-9)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something a process does so long after it started."""

    after_s: float
    step: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What it reports then; nothing where it is empty."""
    do: Callable[[], None] | None = None
    """What it does besides, such as writing its files; once, and never after its end."""


@dataclass(frozen=True, slots=True)
class Course:
    """What one process does from its start to its end."""

    duration_s: float = 60.0
    moments: tuple[Moment, ...] = ()
    """In order; those after the end do not happen."""
    exit_code: int = 0
    says: str = ""
    stop_s: float = 0.0
    """How long it goes on when it is asked to stop; what it does by then still happens."""
    at_stop: Callable[[], None] | None = None
    """What it does at an end that it was asked for."""


@dataclass(slots=True)
class _Process:
    launch: Launch
    course: Course
    since: datetime
    first_since: datetime
    """Of the run's first process."""
    reports: dict[int, Measurement]
    played: int = 0
    stops_at: datetime | None = None
    exit: Exit | None = None

    @property
    def natural_end(self) -> datetime:
        return self.since + timedelta(seconds=self.course.duration_s)

    @property
    def ends_at(self) -> datetime:
        return self.natural_end if self.stops_at is None else min(self.stops_at, self.natural_end)

    def at(self, moment: Moment) -> datetime:
        return self.since + timedelta(seconds=moment.after_s)


class ScriptedRunner:
    """A `running.TrialRunner` in virtual time.

    `course_of` is asked at every start, so a restarted process (`launch.go` > 1) may go on
    where the last one was taken away.
    """

    def __init__(self, course_of: Callable[[Launch], Course]) -> None:
        self.launches: list[Launch] = []
        """Every start, in order."""
        self._course_of = course_of
        self._processes: dict[str, _Process] = {}

    def start(self, launch: Launch, *, now: datetime) -> None:
        self.launches.append(launch)
        old = self._processes.get(launch.run_id)
        self._processes[launch.run_id] = _Process(
            launch,
            self._course_of(launch),
            since=now,
            first_since=old.first_since if old else now,
            reports=old.reports if old else {},
        )

    def look(self, run_id: str, *, now: datetime) -> Sighting:
        process = self._processes[run_id]
        self._play(process, now)
        reports = tuple(process.reports[step] for step in sorted(process.reports))
        return Sighting(reports, process.exit)

    def stop(self, run_id: str, *, now: datetime) -> None:
        process = self._processes[run_id]
        if process.stops_at is None:
            process.stops_at = now + timedelta(seconds=process.course.stop_s)

    def kill(self, run_id: str, *, now: datetime) -> None:  # noqa: ARG002  # the seam's shape
        process = self._processes[run_id]
        process.exit = process.exit or SIGKILLED

    def next_change(self, *, after: datetime) -> datetime | None:
        changes = [
            moment
            for process in self._processes.values()
            if process.exit is None
            for moment in (
                process.ends_at,
                *(process.at(m) for m in process.course.moments[process.played :]),
            )
            if moment > after
        ]
        return min(changes, default=None)

    def close(self) -> None:
        self._processes.clear()

    def _play(self, process: _Process, now: datetime) -> None:
        if process.exit is not None:
            return
        until = min(now, process.ends_at)
        for moment in process.course.moments[process.played :]:
            if process.at(moment) > until:
                break
            process.played += 1
            self._report(process, moment)
            if moment.do is not None:
                moment.do()
        if now < process.ends_at:
            return
        if process.ends_at == process.natural_end:
            process.exit = Exit(process.course.exit_code, process.course.says)
            return
        if process.course.at_stop is not None:
            process.course.at_stop()
        process.exit = Exit(-15)

    @staticmethod
    def _report(process: _Process, moment: Moment) -> None:
        wanted = {k: v for k, v in moment.metrics.items() if k in process.launch.metrics}
        if not wanted:
            return
        known = process.reports.get(moment.step)
        elapsed_s = (process.at(moment) - process.first_since).total_seconds()
        process.reports[moment.step] = Measurement(
            moment.step, elapsed_s, {**(known.metrics if known else {}), **wanted}
        )


def given(argv: Sequence[str], name: str, default: str | None = None) -> str:
    """Return what `--name=value` or `--name value` holds; the last one counts.

    Raises KeyError where there is none and no default.
    """
    value = default
    for place, word in enumerate(argv):
        if word.startswith(f"--{name}="):
            value = word.partition("=")[2]
        elif word == f"--{name}" and place + 1 < len(argv):
            value = argv[place + 1]
    if value is None:
        raise KeyError(name)
    return value
