"""Counts what each lane's episode has amounted to so far."""

from __future__ import annotations

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
        self.arrays: dict[str, Any] = {"return": np.zeros(n)}
        self.arrays |= {f"metric/{name}": np.zeros(n) for name in self.metrics}

    def begin(self, lane: int) -> None:
        for array in self.arrays.values():
            array[lane] = 0.0

    def add(self, batch: Batch, reward: Any, diverged: Mask) -> None:
        """Count one control step of every lane."""
        self.arrays["return"] += reward
        for keep in self._books:
            keep(batch)
        for name, metric in self.metrics.items():
            total, value = self.arrays[f"metric/{name}"], metric.value(batch)
            if diverged.any():
                value = np.where(diverged & ~np.isfinite(value), 0.0, value)
            match metric.over:
                case "last":
                    total[:] = value
                case "max":
                    np.copyto(total, np.where(batch.steps == 1, value, np.maximum(total, value)))
                case _:
                    total += value

    def episode_return(self, lane: int) -> float:
        return float(self.arrays["return"][lane])

    def measured(self, lane: int, *, steps: int, horizon: int) -> dict[str, float]:
        """Return the metrics of an episode that lived `steps` of `horizon` control steps."""
        over = {"mean": steps, "per_horizon": horizon}
        return {
            name: float(self.arrays[f"metric/{name}"][lane]) / over.get(metric.over, 1)
            for name, metric in self.metrics.items()
        }
