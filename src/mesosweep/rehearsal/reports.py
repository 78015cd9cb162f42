"""Reading the file into which cloudml-hypertune writes a trial's metrics."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from mesosweep.rehearsal.orders import Measurement


@dataclass
class Reports:
    """All that one run has reported, over all its processes.

    The file holds the last hundred reports only, is rewritten whole and not atomically, and a
    restarted process begins it anew: so what was once seen is kept, and a line that cannot be
    read is passed over, since the next look will find it. A value that is not finite is no
    measurement.
    """

    metrics: Collection[str]
    since: datetime
    _by_step: dict[int, Measurement] = field(default_factory=dict)

    def read(self, text: str) -> None:
        """Take note of what a file says now."""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                step, at = int(entry["global_step"]), float(entry["timestamp"])
                # One key beside these is the metric's name, whatever it is.
                found = {name: float(entry[name]) for name in self.metrics if name in entry}
            except (ValueError, KeyError, TypeError):
                continue
            finite = {name: value for name, value in found.items() if math.isfinite(value)}
            if finite:
                self._add(step, at, finite)

    def all(self) -> tuple[Measurement, ...]:
        """Return the measurements in order of steps."""
        return tuple(self._by_step[step] for step in sorted(self._by_step))

    def _add(self, step: int, at: float, values: dict[str, float]) -> None:
        known = self._by_step.get(step)
        elapsed_s = max(at - self.since.timestamp(), 0.0)
        merged = {**(known.metrics if known else {}), **values}
        if known is None or merged != known.metrics:
            self._by_step[step] = Measurement(step, elapsed_s, merged)
