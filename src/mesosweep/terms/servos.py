"""Turns actions into targets of position servos: 0 is the home pose, ±1 most of a joint's reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from mesosweep.ports import Array, Batch


@dataclass(frozen=True, eq=False)
class Servos:
    """An animal's position servos, whose joints are 0 at home."""

    names: tuple[str, ...]
    """Actuators in the order of the action, which is the model's."""
    reach: float = 0.8
    """Share of the way from home to the end of the control range that a full action asks for."""
    reaches: Mapping[str, float] = field(default_factory=dict)
    """The same for those that differ, by name."""
    fine: float = 0.35
    """Share of that way which is linear in the action; the rest is cubic. Around home a servo
    is gentle, so that a learner's first random actions do not throw the animal down, and a
    full action still reaches far."""

    def control(self, batch: Batch, action: Array) -> Array:
        """Return the targets of actions in [-1, 1], radians, (n, servos)."""
        most_down, most_up = _reaches(self, batch.model)
        bent = action * action
        bent *= 1.0 - self.fine
        bent += self.fine
        bent *= action
        bent *= np.where(action > 0, most_up, most_down)
        return bent

    def targets(self, model: Any) -> tuple[Array, Array]:
        """Return the targets of the actions -1 and +1, radians, two (servos,)."""
        share = np.array([self.reaches.get(name, self.reach) for name in self.names])
        low, high = model.actuator_ctrlrange.T
        return np.asarray(low * share), np.asarray(high * share)


@lru_cache(maxsize=16)
def _reaches(servos: Servos, model: Any) -> tuple[Array, Array]:
    """Return by how much a full action turns the joints down and up, radians, two (servos,)."""
    low, high = servos.targets(model)
    return -low, high
