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
        columns = [
            batch.qpos[:, _ROOT:],
            batch.qvel[:, _ROOT_SPEEDS:] * 0.1,
            frames.up(batch),
            batch.qvel[:, 3:6],
            frames.velocity(batch),
            batch.qpos[:, 2:3],
            self.feet.standing(batch),
            *map(_column, self.feet.clock(batch)),
            *map(_column, goal.bearing(batch)),
            _column(0.2 * np.minimum(goal.distance(batch), 10.0)),
        ]
        if self.target.sight_m:
            columns.append(self.target.seen(batch))
        columns += [_column(sense.value(batch)) for sense in self.more]
        # One call that copies and rounds all of them.
        return np.concatenate(columns, axis=1, dtype=np.float32)


def _column(numbers: Array) -> Array:
    return numbers[:, None]
