"""Finds sensors by name in the numbers of all of them, one or several at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from mesosweep.envs.model import NoSuchSensor, sensor_slices
from mesosweep.envs.physics import Physics
from mesosweep.ports import Array


class Sensors:
    """The sensors of all lanes, at every physics step of the control step that was played."""

    def __init__(self, model: Any, physics: Physics) -> None:
        self._physics = physics
        self._slices = sensor_slices(model)
        self._places: dict[Any, Any] = {}

    def one(self, name: str) -> Array:
        """Return one sensor at every physics step, (n, frame_skip, dim)."""
        values: Array = self._physics.sensors[:, :, self._at(name)]
        return values

    def last(self, names: tuple[str, ...]) -> Array:
        """Return several sensors side by side at the last physics step, (n, numbers)."""
        places = self._places.get(names)
        sensors = self._physics.sensors
        if places is None:
            last = (sensors.shape[1] - 1) * sensors.shape[2]
            places = self._places[names] = last + self._numbers(names)
        values: Array = sensors.reshape(len(sensors), -1).take(places, axis=1)
        return values

    def every(self, groups: tuple[tuple[str, ...], ...]) -> Array:
        """Return groups of equal width at every physics step, (n, groups, frame_skip * numbers)."""
        places = self._places.get(groups)
        sensors = self._physics.sensors
        if places is None:
            steps = np.arange(sensors.shape[1])[:, None] * sensors.shape[2]
            rows = [(steps + self._numbers(names)).ravel() for names in groups]
            places = self._places[groups] = np.stack(rows)
        values: Array = sensors.reshape(len(sensors), -1).take(places, axis=1)
        return values

    def _numbers(self, names: tuple[str, ...]) -> Any:
        """Return where the numbers of several sensors lie in `sensordata`, as indices."""
        slices = [self._at(name) for name in names]
        return np.concatenate([np.arange(at.start, at.stop) for at in slices])

    def _at(self, name: str) -> slice:
        try:
            return self._slices[name]
        except KeyError:
            raise NoSuchSensor(name, self._slices) from None
