"""How low the soles of an animal reach in a pose, whatever shapes they are made of."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from mesosweep.ports import Array


def lowest(model: Any, scene: Any, geoms: tuple[str, ...]) -> float:
    """Return the height of the lowest point of these geoms, metres.

    Raises ValueError for a shape that is neither sphere, capsule, ellipsoid, cylinder nor box.
    """
    heights = []
    for name, geom, kind, size in _shapes(model, geoms):
        down = scene.geom_xmat[geom, 6:]
        heights.append(scene.geom_xpos[geom, 2] - _reach(kind, size, down, name))
    return float(min(heights))


@lru_cache(maxsize=16)
def _shapes(model: Any, geoms: tuple[str, ...]) -> list[tuple[str, int, int, list[float]]]:
    """Return name, index, kind and sizes of each geom."""
    ids = [int(model.geom(name).id) for name in geoms]
    kinds, sizes = model.geom_type[ids].tolist(), model.geom_size[ids].tolist()
    return list(zip(geoms, ids, kinds, sizes, strict=True))


def _reach(kind: int, size: list[float], down: Array, name: str) -> float:
    """Return how far below its centre a shape reaches; `down` is the vertical in its own frame."""
    x, y, z = (float(part) for part in down)
    match kind:  # mjtGeom, as numbers: this floor imports numpy only
        case 2:  # sphere
            return size[0]
        case 3:  # capsule
            return size[0] + size[1] * abs(z)
        case 4:  # ellipsoid
            return math.hypot(size[0] * x, size[1] * y, size[2] * z)
        case 5:  # cylinder
            return size[0] * math.hypot(x, y) + size[1] * abs(z)
        case 6:  # box
            return size[0] * abs(x) + size[1] * abs(y) + size[2] * abs(z)
    raise ValueError(f"sole '{name}': shape {kind} has no known lowest point")
