"""A batch of made-up numbers: as much of `ports.Batch` as terms read, without a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from mesosweep.ports import Array, Batch


@dataclass
class MadeUp:
    """What terms are asked about in tests. Anything that was not given is an AttributeError."""

    n: int
    dt: float
    model: Any
    settings: Mapping[str, Any]
    told: Mapping[str, Any]
    """Sensor → (n, dim), or (n, frame_skip, dim) where physics steps matter."""
    memory: dict[str, Any]
    others: dict[str, Any]
    derived: dict[Any, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.others[name]
        except KeyError:
            raise AttributeError(f"nobody made up the batch's '{name}'") from None

    def sensor(self, name: str) -> Array:
        return self.sensor_substeps(name)[:, -1]

    def sensor_substeps(self, name: str) -> Array:
        values = np.asarray(self.told[name], float)
        return cast("Array", values if values.ndim == 3 else values[:, None])

    def sensors(self, names: tuple[str, ...]) -> Array:
        return np.concatenate([self.sensor(name) for name in names], axis=1)

    def sensors_substeps(self, groups: tuple[tuple[str, ...], ...]) -> Array:
        rows = [
            np.concatenate([self.sensor_substeps(name) for name in names], axis=2).reshape(
                self.n, -1
            )
            for names in groups
        ]
        return np.stack(rows, axis=1)


def made_up(
    *,
    n: int = 1,
    dt: float = 0.02,
    model: Any = None,
    settings: Mapping[str, Any] | None = None,
    sensors: Mapping[str, Any] | None = None,
    memory: Mapping[str, Any] | None = None,
    **others: Any,
) -> Batch:
    """Return a batch whose arrays are what is said here; lists will do."""
    kept = {name: np.asarray(value, float) for name, value in (memory or {}).items()}
    given = {name: np.asarray(value) for name, value in others.items()}
    batch = MadeUp(n, dt, model, settings or {}, sensors or {}, kept, given)
    return cast("Batch", batch)
