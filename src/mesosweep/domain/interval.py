"""How far a mean may be off: half of its 95 % interval, from few values or from many."""

from __future__ import annotations

import math

MANY = 30
"""From so many values on the normal approximation is taken, as textbooks do."""
_Z95 = 1.959963984540054
_T95 = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484),
)
"""Student (1908): the two-sided 95 % points for 1, 2, … degrees of freedom."""


def half_width_95(std: float, count: int) -> float | None:
    """Return half of the 95 % interval of a mean of `count` values.

    `std` is their sample standard deviation. None for a single value: nothing is
    known of how far another one would lie from it.
    """
    if count < 2:
        return None
    factor = _T95[count - 2] if count < MANY else _Z95
    return factor * std / math.sqrt(count)
