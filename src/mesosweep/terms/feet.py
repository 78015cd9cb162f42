"""What an animal's feet do: who stands, how high the others are, and whether they keep to a clock.

For any number of feet. The clock runs at `gait_hz`; each foot is asked to stand for the
first `gait_duty` of its own stride, which is ahead of the clock by the foot's `offset`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from mesosweep.domain.errors import PluginError
from mesosweep.ports import Array, Batch, Mask, Metric, Rng
from mesosweep.terms.footfalls import Footfalls
from mesosweep.terms.sharing import once_each
from mesosweep.terms.symmetry import other_side

_HAIR = 1e-9
"""Phases are this much ahead, so that rounding never decides whether a stance has ended."""


@dataclass(frozen=True, slots=True)
class Foot:
    """One foot and the names of its parts in the model."""

    name: str
    """Its side is part of it, and its opposite has the other: `left`, `front_right`."""
    loads: tuple[str, ...]
    """`touch` sensors; together they feel all that the ground pushes this foot. As many for
    each foot of an animal."""
    sole: str
    """A `framepos` sensor: how high the foot is."""
    rest_m: float
    """What that sensor's height is while the foot stands."""
    geoms: tuple[str, ...]
    """The geoms that meet the ground; the lowest of all decides how high a start stands."""
    offset: float = 0.0
    """By how much of a stride it is ahead of the clock, in [0, 1)."""


@dataclass(frozen=True, eq=False)
class Feet:
    """All feet of an animal, in the order of every (n, feet) array below."""

    each: tuple[Foot, ...]
    stance_n: float
    """Newtons on a foot, averaged over a control step, from which it counts as standing."""
    starts: tuple[float, ...] = (0.0, 0.5)
    """Where in a stride the clock may stand when an episode begins."""

    @cached_property
    def footfalls(self) -> Footfalls:
        """The book of their landings."""
        return Footfalls(self.opposite)

    @cached_property
    def opposite(self) -> tuple[int, ...]:
        """For each foot, the index of the one on the other side."""
        names = [foot.name for foot in self.each]
        return tuple(names.index(other_side(name)) for name in names)

    @property
    def geoms(self) -> tuple[str, ...]:
        return tuple(name for foot in self.each for name in foot.geoms)

    # ── what they do now ─────────────────────────────────────────────────────

    @once_each
    def load(self, batch: Batch) -> Array:
        """Return newtons on each foot, averaged over the control step, (n, feet)."""
        felt = batch.sensors_substeps(self._loads)
        found: Array = np.vecdot(felt, _mean_weights(felt.shape[2], len(self._loads[0])))
        return found

    @once_each
    def standing(self, batch: Batch) -> Mask:
        """Return whether each foot carries weight, (n, feet)."""
        found: Mask = self.load(batch) > self.stance_n
        return found

    @once_each
    def height(self, batch: Batch) -> Array:
        """Return how high each foot is above where it is when it stands, metres, (n, feet)."""
        found: Array = batch.sensors(self._soles)[:, 2::3] - self._rest
        return found

    @once_each
    def phase(self, batch: Batch) -> Array:
        """Return where in its stride the clock has each foot, [0, 1), (n, feet)."""
        strides = batch.steps * (batch.dt * batch.settings["gait_hz"])
        found: Array = (batch.memory["phase"] + strides[:, None]) % 1.0
        return found

    @once_each
    def wanted(self, batch: Batch) -> Mask:
        """Return whether the clock asks each foot to stand, (n, feet)."""
        found: Mask = self.phase(batch) < batch.settings["gait_duty"]
        return found

    def clock(self, batch: Batch) -> tuple[Array, Array]:
        """Return sine and cosine of the first foot's phase, two (n,): what an animal hears."""
        angle = (2.0 * math.pi) * self.phase(batch)[:, 0]
        return np.sin(angle), np.cos(angle)

    # ── terms ────────────────────────────────────────────────────────────────

    @once_each
    def gait(self, batch: Batch) -> Array:
        """Return +1 for feet that stand or swing as the clock asks, -1 for others: the mean, (n,)."""
        agree = self.standing(batch) == self.wanted(batch)
        found: Array = np.add.reduce(agree, axis=1) * (2.0 / len(self.each)) - 1.0
        return found

    def clearance(self, batch: Batch) -> Array:
        """Return how high the feet are lifted that the clock has swing, each 0 to 1: the sum, (n,)."""
        lifted = np.minimum(
            np.maximum(self.height(batch) / batch.settings["gait_lift_m"], 0.0), 1.0
        )
        swings = self.phase(batch) >= batch.settings["gait_duty"]
        found: Array = np.vecdot(lifted, swings.astype(np.float64))
        return found

    def in_flight(self, batch: Batch) -> Array:
        """Return 1 where no foot is on the ground, else 0, (n,)."""
        found: Array = 1.0 - np.logical_or.reduce(self.standing(batch), axis=1)
        return found

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        def match(batch: Batch) -> Array:
            return 0.5 * (self.gait(batch) + 1.0)

        return {
            **self.footfalls.metrics(self.keep_footfalls),
            "flight": Metric("share of time with no foot on the ground", "1", self.in_flight),
            "clock_match": Metric(
                "share of time that feet stand and swing as the clock asks; a statue's is the duty",
                "1",
                match,
            ),
        }

    # ── memory ───────────────────────────────────────────────────────────────

    @cached_property
    def memory(self) -> Mapping[str, int]:
        return {"phase": len(self.each), **self.footfalls.memory}

    def begin(self, batch: Batch, lane: int, rng: Rng) -> None:
        """Start one lane's clock; for `start`."""
        clock = self.starts[int(rng.integers(0, len(self.starts)))] + _HAIR
        batch.memory["phase"][lane] = [(clock + foot.offset) % 1.0 for foot in self.each]
        self.footfalls.begin(batch, lane)

    def keep_footfalls(self, batch: Batch) -> None:
        """Count the landings of this step; what metrics do."""
        self.footfalls.keep(batch, self.standing(batch))

    def reflect(self, batch: Batch, lane: int) -> None:
        """Turn one lane's memory of its feet into that of its mirror image."""
        phase = batch.memory["phase"][lane]
        phase[:] = phase[list(self.opposite)]
        self.footfalls.reflect(batch, lane)

    @cached_property
    def half_stride(self) -> float:
        """By how much of a stride the clock of the mirror image is ahead: 0 or .5.

        Raises PluginError where neither will do: then the gait has no mirror image.
        """
        offsets = [foot.offset for foot in self.each]
        for shift in (0.5, 0.0):
            gaps = [
                offsets[opposite] - offset - shift
                for offset, opposite in zip(offsets, self.opposite, strict=True)
            ]
            if all(abs(gap - round(gap)) < 1e-9 for gap in gaps):
                return shift
        raise PluginError(
            "The offsets of opposite feet must differ by half a stride, all of them, or by none "
            f"(got {offsets})."
        )

    # ── helpers ──────────────────────────────────────────────────────────────

    @cached_property
    def _loads(self) -> tuple[tuple[str, ...], ...]:
        return tuple(foot.loads for foot in self.each)

    @cached_property
    def _soles(self) -> tuple[str, ...]:
        return tuple(foot.sole for foot in self.each)

    @cached_property
    def _rest(self) -> Array:
        return np.array([foot.rest_m for foot in self.each])


@lru_cache(maxsize=16)
def _mean_weights(numbers: int, parts: int) -> Array:
    """Return weights that make of `parts` sensors at several physics steps the mean of their sum."""
    return np.full(numbers, parts / numbers)
