"""Writes `assets/skin.xml`: the brachiosaurus' surface, lofted from profiles that a human can edit.

    python plugins/mesosweep-brachiosaurus/tools/skin.py

A profile is a list of rings from tail to head or from foot to hip, in the frame of the body that
wears it: centre x and z, half width (y) and half thickness, all metres. Looks alone depend on it:
the simulated model is compiled without anything that is only there to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

Ring = tuple[float, float, float, float]
Point = tuple[float, float, float]
Colour = tuple[int, int, int]

SECTORS = 16
"""Corners of a ring."""
HIDE_M = 2.0
"""Length of animal that the hide's picture covers before it repeats, metres."""
FINE = 2
"""Rings drawn per ring given: in between they follow a spline."""

ASSETS = Path(__file__).parents[1] / "src/mesosweep_brachiosaurus/assets"
COLOURS: dict[str, tuple[Colour, Colour, Colour]] = {
    "hide": ((106, 106, 86), (58, 62, 54), (226, 206, 166)),
    "limb": ((108, 104, 86), (78, 78, 68), (128, 120, 98)),
}
"""Picture → colour of the back, of the bars across it, and of the belly."""

PROFILES: dict[str, Sequence[Ring]] = {
    "trunk": (
        (-0.84, -0.045, 0.112, 0.122),
        (-0.70, -0.060, 0.180, 0.190),
        (-0.52, -0.090, 0.275, 0.270),
        (-0.30, -0.115, 0.330, 0.335),
        (-0.05, -0.100, 0.355, 0.375),
        (0.20, -0.035, 0.365, 0.395),
        (0.40, 0.055, 0.345, 0.370),
        (0.54, 0.155, 0.275, 0.300),
        (0.645, 0.265, 0.190, 0.215),
        (0.74, 0.375, 0.138, 0.150),
    ),
    "neck1": (
        (-0.032, -0.037, 0.165, 0.175),
        (0.096, 0.096, 0.152, 0.160),
        (0.204, 0.225, 0.140, 0.146),
        (0.300, 0.337, 0.130, 0.134),
        (0.402, 0.446, 0.120, 0.124),
        (0.461, 0.520, 0.112, 0.114),
    ),
    "neck2": (
        (-0.065, -0.075, 0.120, 0.122),
        (0.000, 0.000, 0.118, 0.121),
        (0.097, 0.140, 0.110, 0.114),
        (0.205, 0.296, 0.101, 0.105),
        (0.321, 0.459, 0.092, 0.096),
        (0.366, 0.528, 0.086, 0.090),
    ),
    "neck3": (
        (-0.037, -0.064, 0.091, 0.095),
        (0.000, 0.000, 0.090, 0.094),
        (0.118, 0.214, 0.080, 0.084),
        (0.241, 0.423, 0.071, 0.075),
        (0.353, 0.599, 0.064, 0.068),
        (0.471, 0.760, 0.059, 0.063),
        (0.508, 0.797, 0.052, 0.056),
    ),
    "tail1": (
        (-0.56, -0.155, 0.098, 0.102),
        (-0.4999, -0.1433, 0.103, 0.108),
        (-0.34, -0.105, 0.114, 0.122),
        (-0.18, -0.058, 0.128, 0.138),
        (-0.04, -0.025, 0.142, 0.152),
        (0.08, -0.01, 0.150, 0.160),
    ),
    "tail2": (
        (-0.52, -0.108, 0.064, 0.067),
        (-0.4695, -0.0998, 0.068, 0.072),
        (-0.30, -0.069, 0.079, 0.084),
        (-0.14, -0.034, 0.091, 0.096),
        (0.0, 0.0, 0.101, 0.106),
        (0.05, 0.01, 0.102, 0.106),
    ),
    "tail3": (
        (-0.845, -0.092, 0.010, 0.010),
        (-0.81, -0.0885, 0.016, 0.016),
        (-0.62, -0.076, 0.031, 0.033),
        (-0.4456, -0.0626, 0.043, 0.046),
        (-0.24, -0.038, 0.055, 0.059),
        (-0.07, -0.012, 0.064, 0.068),
        (0.03, 0.004, 0.068, 0.072),
    ),
    "front_upper": (
        (-0.205, -0.58, 0.090, 0.098),
        (-0.19, -0.52, 0.098, 0.108),
        (-0.155, -0.42, 0.104, 0.114),
        (-0.105, -0.28, 0.120, 0.140),
        (-0.05, -0.13, 0.128, 0.176),
        (-0.01, 0.02, 0.110, 0.190),
        (0.01, 0.14, 0.070, 0.165),
        (0.03, 0.25, 0.030, 0.110),
    ),
    "front_lower": (
        (0.193, -0.647, 0.112, 0.118),
        (0.190, -0.610, 0.112, 0.118),
        (0.178, -0.555, 0.096, 0.100),
        (0.156, -0.47, 0.084, 0.086),
        (0.118, -0.36, 0.081, 0.084),
        (0.075, -0.24, 0.086, 0.090),
        (0.03, -0.10, 0.095, 0.102),
        (0.0, 0.0, 0.097, 0.107),
        (-0.015, 0.05, 0.086, 0.095),
    ),
    "hind_upper": (
        (0.14, -0.535, 0.090, 0.098),
        (0.127, -0.475, 0.101, 0.112),
        (0.105, -0.38, 0.108, 0.124),
        (0.07, -0.25, 0.124, 0.162),
        (0.025, -0.11, 0.132, 0.206),
        (-0.01, 0.02, 0.112, 0.220),
        (-0.02, 0.12, 0.070, 0.180),
        (-0.02, 0.20, 0.030, 0.110),
    ),
    "hind_lower": (
        (-0.132, -0.526, 0.112, 0.122),
        (-0.133, -0.490, 0.112, 0.123),
        (-0.134, -0.435, 0.097, 0.106),
        (-0.118, -0.36, 0.086, 0.090),
        (-0.09, -0.26, 0.083, 0.088),
        (-0.055, -0.16, 0.090, 0.100),
        (-0.02, -0.06, 0.098, 0.110),
        (0.0, 0.0, 0.099, 0.111),
        (0.012, 0.045, 0.088, 0.098),
    ),
    "skull": (
        (-0.035, -0.012, 0.040, 0.044),
        (0.0, 0.006, 0.056, 0.062),
        (0.045, 0.014, 0.063, 0.068),
        (0.10, 0.002, 0.061, 0.064),
        (0.15, -0.024, 0.056, 0.055),
        (0.20, -0.050, 0.055, 0.050),
        (0.245, -0.070, 0.055, 0.046),
        (0.275, -0.082, 0.048, 0.038),
    ),
}


def main() -> None:
    """Write meshes and pictures beside the model that uses them."""
    (ASSETS / "skin.xml").write_text(skin(), encoding="utf-8")
    for name, (back, bar, belly) in COLOURS.items():
        iio.imwrite(ASSETS / f"{name}.png", _hide(back, bar, belly))


def skin() -> str:
    """Return all meshes as a file that a model can include."""
    parts = "\n".join(_mesh(name, rings) for name, rings in PROFILES.items())
    return f"<mujoco>\n  <!-- Written by tools/skin.py. -->\n  <asset>\n{parts}\n  </asset>\n</mujoco>\n"


def _hide(back: Colour, bar: Colour, belly: Colour) -> NDArray[np.uint8]:
    """Return a picture of skin: across it from back to belly, along it bars that fade downwards."""
    rng = np.random.default_rng(5)
    around = np.linspace(0, 1, 64)[None, :, None]
    along = np.linspace(0, 2 * np.pi, 160, endpoint=False)[:, None, None]
    # Whole numbers of waves, so that the picture repeats without a seam; bars lean and fork.
    lean = sum(a * np.sin(n * along + p + 3 * around) for n, a, p in ((1, 0.9, 0), (3, 0.5, 2)))
    bars = np.clip(2.2 * np.sin(11 * along + lean + 2.5 * np.sin(4 * around + 2 * along)), 0, 1)
    bars = bars * np.clip(1.15 - 2.1 * around, 0, 1) * 0.75
    paleness = 1 / (1 + np.exp(-14 * (around - 0.62)))
    colour = np.array(back) * (1 - paleness) + np.array(belly) * paleness
    colour = colour * (1 - bars) + np.array(bar) * bars
    grain = rng.normal(0, 3.5, (160, 64, 1))
    return np.asarray(np.clip(colour + grain, 0, 255), np.uint8)


def _mesh(name: str, given: Sequence[Ring]) -> str:
    rings = _closed(_finer(given))
    points, colour = _points(rings)
    corners = " ".join(f"{x:.3f} {y:.3f} {z:.3f}" for x, y, z in points)
    colours = " ".join(f"{u:.3g} {v:.3g}" for u, v in colour)
    faces = " ".join(f"{a} {b} {c}" for a, b, c in _faces(len(rings)))
    return (
        f'    <mesh name="{name}" smoothnormal="true"\n      vertex="{corners}"\n'
        f'      texcoord="{colours}"\n      face="{faces}"/>'
    )


def _finer(given: Sequence[Ring]) -> list[Ring]:
    """Return rings along a Catmull-Rom spline through the given ones."""
    ends = (given[0], *given, given[-1])
    rings: list[Ring] = []
    for before, here, there, after in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for i in range(FINE):
            t = i / FINE
            x, z, wide, thick = (
                b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
                for a, b, c, d in zip(before, here, there, after, strict=True)
            )
            rings.append((x, z, wide, thick))
    return [*rings, given[-1]]


def _closed(rings: list[Ring]) -> list[Ring]:
    """Round both ends off."""
    (x0, z0, w0, t0), (x1, z1, w1, t1) = rings[0], rings[-1]
    ax, az = _direction(rings, 0)
    bx, bz = _direction(rings, len(rings) - 1)
    caps = ((0.87, 0.25), (0.5, 0.43), (0.05, 0.5))
    first = [(x0 - ax * t0 * far, z0 - az * t0 * far, w0 * k, t0 * k) for k, far in caps]
    last = [(x1 + bx * t1 * far, z1 + bz * t1 * far, w1 * k, t1 * k) for k, far in caps]
    return [*reversed(first), *rings, *last]


def _points(rings: Sequence[Ring]) -> tuple[list[Point], list[tuple[float, float]]]:
    """Return corners, and where each lies on the hide: from back (0) to belly (1), and along."""
    points: list[Point] = []
    colour: list[tuple[float, float]] = []
    along = 0.0
    for i, (x, z, wide, thick) in enumerate(rings):
        ahead, up = _direction(rings, i)
        along += math.dist(rings[i][:2], rings[max(i - 1, 0)][:2])
        for corner in range(SECTORS):
            angle = 2 * math.pi * corner / SECTORS
            high, side = thick * math.cos(angle), wide * math.sin(angle)
            points.append((x - up * high, side, z + ahead * high))
            around = min(angle, 2 * math.pi - angle) / math.pi
            colour.append((0.02 + 0.96 * around, along / HIDE_M))
    return points, colour


def _direction(rings: Sequence[Ring], i: int) -> tuple[float, float]:
    before, after = rings[max(i - 1, 0)], rings[min(i + 1, len(rings) - 1)]
    x, z = after[0] - before[0], after[1] - before[1]
    length = math.hypot(x, z)
    return x / length, z / length


def _faces(n_rings: int) -> list[tuple[int, int, int]]:
    faces = []
    for ring in range(n_rings - 1):
        for corner in range(SECTORS):
            a, b = ring * SECTORS + corner, ring * SECTORS + (corner + 1) % SECTORS
            c, d = a + SECTORS, b + SECTORS
            faces += [(a, c, b), (b, c, d)]
    tip = (n_rings - 1) * SECTORS
    for corner in range(1, SECTORS - 1):
        faces.append((0, corner, corner + 1))
        faces.append((tip, tip + corner + 1, tip + corner))
    return faces


if __name__ == "__main__":
    main()
