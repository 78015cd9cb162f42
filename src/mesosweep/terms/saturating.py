"""Reward terms as data: a quantity, paid in proportion, in full from some value on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mesosweep.ports import Array, Batch


@dataclass(frozen=True, eq=False)
class Saturating:
    """`sign * quantity / full`, the fraction kept between `least` and `most`.

    A function of a batch like any other term; but what it is made of is told, so that the
    simulation can bound, weigh and add all such terms of an animal at once.
    """

    quantity: Callable[[Batch], Array]
    """(n,)."""
    full: float | str = 1.0
    """The value that is paid in full; a setting's name where the stage decides."""
    least: float = -1.0
    most: float = 1.0
    sign: float = 1.0

    def __call__(self, batch: Batch) -> Array:
        share = self.quantity(batch) / self.full_in(batch.settings)
        paid: Array = self.sign * np.minimum(np.maximum(share, self.least), self.most)
        return paid

    def full_in(self, settings: Mapping[str, Any]) -> float:
        return float(settings[self.full]) if isinstance(self.full, str) else self.full


def pays(quantity: Callable[[Batch], Array], *, full: float | str = 1.0) -> Saturating:
    """Pay for a quantity of either sign: ±1 from ±`full` on."""
    return Saturating(quantity, full)


def costs(quantity: Callable[[Batch], Array], *, full: float | str = 1.0) -> Saturating:
    """Charge for a quantity that is not negative: -1 from `full` on."""
    return Saturating(quantity, full, least=0.0, sign=-1.0)


def charges(quantity: Callable[[Batch], Array], *, full: float | str = 1.0) -> Saturating:
    """Charge for what a quantity is above 0, without bound: -1 at `full`."""
    return Saturating(quantity, full, least=0.0, most=math.inf, sign=-1.0)
