"""Counts what each lane's episode has amounted to so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mesosweep.ports import Batch, Mask, Metric


class Tally:
    """Return and metrics of the running episode of each of `n` lanes."""

    def __init__(self, n: int, metrics: Mapping[str, Metric]) -> None:
        self.metrics = dict(metrics)
        kept = [metric.keep for metric in self.metrics.values() if metric.keep is not None]
        self._books = tuple(dict.fromkeys(kept))
        # What only the last step decides is not even looked at before it.
        self._counted = {k: metric for k, metric in self.metrics.items() if metric.over != "last"}
        self.arrays: dict[str, Any] = {"return": np.zeros(n)}
        self.arrays |= {f"metric/{name}": np.zeros(n) for name in self._counted}

    def begin(self, lane: int) -> None:
        for array in self.arrays.values():
            array[lane] = 0.0

    def add(self, batch: Batch, reward: Any, diverged: Mask) -> None:
        """Count one control step of every lane."""
        self.arrays["return"] += reward
        for keep in self._books:
            keep(batch)
        if not self._counted:
            return
        broken = np.count_nonzero(diverged) > 0
        for name, metric in self._counted.items():
            total, value = self.arrays[f"metric/{name}"], metric.value(batch)
            if broken:
                value = np.where(diverged & ~np.isfinite(value), 0.0, value)
            if metric.over == "max":
                np.copyto(total, np.where(batch.steps == 1, value, np.maximum(total, value)))
            else:
                total += value

    def episode_return(self, lane: int) -> float:
        return float(self.arrays["return"][lane])

    def measured(
        self, batch: Batch, lane: int, diverged: Mask, *, horizon: int
    ) -> dict[str, float]:
        """Return the metrics of an episode that has just ended, of at most `horizon` control steps."""
        shares = {"mean": int(batch.steps[lane]), "per_horizon": horizon}
        found = {}
        for name, metric in self.metrics.items():
            if metric.over == "last":
                last = float(metric.value(batch)[lane])
                found[name] = 0.0 if diverged[lane] and not math.isfinite(last) else last
            else:
                total = float(self.arrays[f"metric/{name}"][lane])
                found[name] = total / shares.get(metric.over, 1)
        return found
