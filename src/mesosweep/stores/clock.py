"""The clock of the world outside, for whatever runs in a process of its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class WallClock:
    """A `ports.Clock` that takes the time it says."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
