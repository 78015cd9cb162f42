"""The clock of the world outside, and one that a user who wants to leave need not wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from mesosweep.domain.errors import Interrupted

_LOOK_S = 0.2


class WorldClock:
    def now(self) -> datetime:
        return now()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class LeavingClock(WorldClock):
    """Sleeps until `stop` says so; for waits after which nothing is lost."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop

    def sleep(self, seconds: float) -> None:
        """Return after so long; raises Interrupted when there is no point in waiting on."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if self._stop():
                raise Interrupted("Stopped.")
            time.sleep(min(left, _LOOK_S))


def now() -> datetime:
    return datetime.now(UTC)
