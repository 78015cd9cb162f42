"""Tells which parts of an animal lie on the ground that should not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mesosweep.ports import Array, Batch, Mask
from mesosweep.terms.sharing import Column, once_each


@dataclass(frozen=True, eq=False)
class Grounded:
    """Parts and the heights below which they count as down."""

    limits: Mapping[str, tuple[tuple[str, ...], float]]
    """Reason → `framepos` sensors, and the height in metres below which one of them is down."""

    @property
    def terminations(self) -> Mapping[str, Callable[[Batch], Mask]]:
        return {reason: Column(self.down, place) for place, reason in enumerate(self.limits)}

    @once_each
    def down(self, batch: Batch) -> Mask:
        """Return, for each reason in order, which lanes have a part below its height, (n, reasons)."""
        low = batch.sensors(self._parts)[:, 2::3] < self._heights
        return np.asarray(np.logical_or.reduceat(low, self._firsts, axis=1))

    @cached_property
    def _parts(self) -> tuple[str, ...]:
        return tuple(name for names, _ in self.limits.values() for name in names)

    @cached_property
    def _heights(self) -> Array:
        return np.array([height for names, height in self.limits.values() for _ in names])

    @cached_property
    def _firsts(self) -> list[int]:
        counts = [len(names) for names, _ in self.limits.values()]
        return [sum(counts[:i]) for i in range(len(counts))]
