"""The seam between jobs and what executes their containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mesosweep.rehearsal.orders import Measurement


@dataclass(frozen=True, slots=True)
class Launch:
    """One process to be started."""

    run_id: str
    """Of the custom job; the same after a restart."""
    trial_id: str
    """`1`, `2`, …; empty for a custom job of its own."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """What the service adds to the environment."""
    metrics: tuple[str, ...]
    """Names of the metrics that are looked for."""
    go: int = 1
    """Which start of this run it is, from 1."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended."""

    code: int
    """As the system tells it; negative: ended by that signal."""
    says: str = ""
    """The last thing it said, for people."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What can be seen of a run now."""

    reports: tuple[Measurement, ...] = ()
    """All measurements since the run's first start, in order of steps."""
    exit: Exit | None = None
    """None while the process runs."""


class TrialRunner(Protocol):
    """Executes containers; `scripted` plays them in virtual time, `processes` runs them."""

    def start(self, launch: Launch, *, now: datetime) -> None:
        """Start the process; one that cannot be started is seen as ended, not raised."""

    def look(self, run_id: str, *, now: datetime) -> Sighting:
        """Return what can be seen of the run's latest process."""

    def stop(self, run_id: str, *, now: datetime) -> None:
        """Ask the process to end (SIGTERM); it is made to end where it does not. Idempotent."""

    def kill(self, run_id: str, *, now: datetime) -> None:
        """Take the process away without a word (SIGKILL)."""

    def next_change(self, *, after: datetime) -> datetime | None:
        """Return when something will be seen next; None where nobody can know."""

    def close(self) -> None:
        """End whatever still runs."""
