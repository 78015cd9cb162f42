"""Counts footfalls, and whether left and right take turns: what tells a walk from a shuffle or a hop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mesosweep.ports import Array, Batch, Mask, Metric

LEAST_SWING_S = 0.12
"""A foot that comes down after less time in the air has chattered, not stepped."""
HOP_S = 0.08
"""Opposite feet that land within less than this of each other have hopped."""
_ROUNDING_S = 1e-9


@dataclass(frozen=True, eq=False)
class Footfalls:
    """The book of all landings of an animal's feet."""

    opposite: tuple[int, ...]
    """For each foot, the index of the one on the other side."""

    @property
    def memory(self) -> Mapping[str, int]:
        n = len(self.opposite)
        return {
            "stood_s": n,  # when each foot stood last
            "landed_s": n,  # when each foot landed last
            "turn": n,  # 1 where the opposite foot landed since
            "footfalls": 3,  # landings; those that alternated; those that hopped
        }

    def begin(self, batch: Batch, lane: int) -> None:
        """Open the book for one lane; for `start`. Its feet stand, and none is to land first."""
        batch.memory["landed_s"][lane] = -math.inf

    def keep(self, batch: Batch, standing: Mask) -> None:
        """Count the landings of this step. `standing` is (n, feet).

        A foot lands when it comes down after at least `LEAST_SWING_S` in the air: the
        contact of a foot that settles chatters, and chatter is no step. A landing
        alternates when the opposite foot's was the last one, and hops when the two were
        nearly at once.
        """
        stood_s = batch.memory["stood_s"]
        now_s = (batch.steps * batch.dt)[:, None]
        # A foot that stood one step ago has been in the air for none.
        lands = standing & (stood_s < now_s - (LEAST_SWING_S + batch.dt - _ROUNDING_S))
        if lands.any():
            self._land(batch.memory, lands, now_s)
        np.copyto(stood_s, now_s, where=standing)

    def reflect(self, batch: Batch, lane: int) -> None:
        """Turn one lane's book into that of its mirror image."""
        for name in ("stood_s", "landed_s", "turn"):
            kept = batch.memory[name][lane]
            kept[:] = kept[list(self.opposite)]

    def _land(self, memory: Mapping[str, Array], lands: Mask, now_s: Array) -> None:
        footfalls, landed_s, turn = (memory[name] for name in ("footfalls", "landed_s", "turn"))
        opposite = list(self.opposite)
        other = lands[:, opposite]
        alone = lands & ~other
        # A foot that lands just after its opposite makes a hop of that landing, too.
        late = alone & (now_s - landed_s[:, opposite] < HOP_S - _ROUNDING_S)
        footfalls[:, 0] += lands.sum(axis=1)
        footfalls[:, 1] += (alone & (turn > 0)).sum(axis=1)
        footfalls[:, 2] += (lands & other).sum(axis=1) + 2 * late.sum(axis=1)
        np.copyto(landed_s, now_s, where=lands)
        turn[lands] = 0.0
        turn[other] = 1.0

    def metrics(self, keep: Callable[[Batch], None]) -> Mapping[str, Metric]:
        """Return what the book tells, each kept by `keep`."""
        # The first landing of each pair follows none.
        pairs = len(self.opposite) // 2
        return {
            "footfalls": Metric(
                "times a foot came down after a swing",
                "1",
                lambda batch: batch.memory["footfalls"][:, 0],
                over="last",
                keep=keep,
            ),
            "alternation": Metric(
                "share of footfalls that followed one of the opposite foot",
                "1",
                lambda batch: _share(batch.memory["footfalls"], 1, less=pairs),
                over="last",
                keep=keep,
            ),
            "hopping": Metric(
                "share of footfalls that were nearly at once with the opposite foot's",
                "1",
                lambda batch: _share(batch.memory["footfalls"], 2),
                over="last",
                keep=keep,
            ),
        }


def _share(footfalls: Array, column: int, *, less: int = 0) -> Array:
    found: Array = footfalls[:, column] / np.maximum(footfalls[:, 0] - less, 1)
    return found
