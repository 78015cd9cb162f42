"""What a walking animal feels and sees: one row of numbers, each with a name and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mesosweep.ports import Array, Batch
from mesosweep.terms import frames, goal
from mesosweep.terms.feet import Feet
from mesosweep.terms.target import Target

_ROOT = 7
_ROOT_SPEEDS = 6


@dataclass(frozen=True, slots=True)
class Sense:
    """One more number that an animal feels or sees."""

    name: str
    low: float
    high: float
    value: Callable[[Batch], Array]
    """(n,)."""


@dataclass(frozen=True, eq=False)
class Senses:
    """What every walker senses, and what one of them does beyond it."""

    hinges: tuple[str, ...]
    feet: Feet
    target: Target
    more: tuple[Sense, ...] = ()

    @cached_property
    def told(self) -> tuple[tuple[str, float, float], ...]:
        """Name, least and greatest of every number, in order."""
        far = self.target.sight_m
        return (
            *((f"angle_{hinge}", -2.0, 2.0) for hinge in self.hinges),
            *((f"speed_{hinge}", -10.0, 10.0) for hinge in self.hinges),
            *((f"up_{axis}", -1.0, 1.0) for axis in "xyz"),
            *((f"turn_rate_{axis}", -50.0, 50.0) for axis in "xyz"),
            *((f"velocity_{axis}", -20.0, 20.0) for axis in "xyz"),
            ("height", 0.0, 4.0),
            *((f"{foot.name}_stands", 0.0, 1.0) for foot in self.feet.each),
            ("clock_sine", -1.0, 1.0),
            ("clock_cosine", -1.0, 1.0),
            ("goal_ahead", -1.0, 1.0),
            ("goal_left", -1.0, 1.0),
            ("goal_distance", 0.0, 2.0),
            *((f"target_{axis}", -far, far) for axis in ("ahead", "left", "up") if far),
            *((sense.name, sense.low, sense.high) for sense in self.more),
        )

    def observe(self, batch: Batch) -> Array:
        """Return what each lane senses, (n, numbers), all in the animal's own frame.

        Angles in rad, joint speeds in 10 rad/s, turn rates in rad/s, velocities in m/s, the
        distance of the goal in 5 m up to 10 m.
        """
        seen = np.empty((batch.n, len(self.told)), np.float32)
        hinges, feet = len(self.hinges), len(self.feet.each)
        at = 2 * hinges
        seen[:, :hinges] = batch.qpos[:, _ROOT:]
        seen[:, hinges:at] = batch.qvel[:, _ROOT_SPEEDS:] * 0.1
        seen[:, at : at + 3] = frames.up(batch)
        seen[:, at + 3 : at + 6] = batch.qvel[:, 3:6]
        seen[:, at + 6 : at + 9] = frames.velocity(batch)
        seen[:, at + 9] = batch.qpos[:, 2]
        at += 10
        seen[:, at : at + feet] = self.feet.standing(batch)
        at += feet
        seen[:, at], seen[:, at + 1] = self.feet.clock(batch)
        seen[:, at + 2], seen[:, at + 3] = goal.bearing(batch)
        seen[:, at + 4] = 0.2 * np.minimum(goal.distance(batch), 10.0)
        at += 5
        if self.target.sight_m:
            seen[:, at : at + 3] = self.target.seen(batch)
            at += 3
        for place, sense in enumerate(self.more, start=at):
            seen[:, place] = sense.value(batch)
        return seen
