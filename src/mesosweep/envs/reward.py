"""Adds up what one control step is worth: all terms of a body, weighed, in a few operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mesosweep.envs import rules
from mesosweep.envs.numbers import surely_finite
from mesosweep.ports import Array, Batch, Body, Mask
from mesosweep.terms.saturating import Saturating


class Reward:
    """The terms of a body whose weights are not zero, under some settings.

    Raises SettingsError when a weight is missing or not a finite number.
    """

    def __init__(self, body: Body, settings: Mapping[str, Any], n: int) -> None:
        self._terms = rules.weighted_terms(body, settings)
        made = [_taken_apart(term, settings) for _, _, term in self._terms]
        self._quantities: list[Callable[[Batch], Array]] = [made_of for made_of, *_ in made]
        column = (len(made), 1)
        self._full = np.array([full for _, full, *_ in made]).reshape(column)
        self._least = np.array([least for *_, least, _, _ in made]).reshape(column)
        self._most = np.array([most for *_, most, _ in made]).reshape(column)
        signs = np.array([sign for *_, sign in made])
        self._weight = (signs * [weight for _, weight, _ in self._terms]).reshape(column)
        # One spare column, so that terms are added one after the other for any n: NumPy
        # adds up a single column in another order, and so with another rounding.
        self._rows = np.zeros((len(made), n + 1))
        self._places = [row[:n] for row in self._rows]

    def of(self, batch: Batch, diverged: Mask) -> Array:
        """Return the reward of this step, (n,); 0 where a lane diverged and no number came out.

        Raises FloatingPointError when a term is no finite number in any other lane.
        """
        for place, quantity in zip(self._places, self._quantities, strict=True):
            place[...] = quantity(batch)
        shares = np.divide(self._rows, self._full)
        np.maximum(shares, self._least, out=shares)
        np.minimum(shares, self._most, out=shares)
        shares *= self._weight
        total: Array = np.add.reduce(shares, axis=0)[: batch.n]
        if not surely_finite(total):
            total[diverged & ~np.isfinite(total)] = 0.0
            self._refuse_broken_terms(batch, diverged)
        return total

    def _refuse_broken_terms(self, batch: Batch, diverged: Mask) -> None:
        for name, _, term in self._terms:
            if not np.isfinite(term(batch)[~diverged]).all():
                raise FloatingPointError(f"reward term '{name}' is not a finite number")


def _taken_apart(
    term: Callable[[Batch], Array], settings: Mapping[str, Any]
) -> tuple[Callable[[Batch], Array], float, float, float, float]:
    """Return quantity, full, least, most and sign; any other term is its own quantity."""
    if isinstance(term, Saturating):
        return term.quantity, term.full_in(settings), term.least, term.most, term.sign
    return term, 1.0, -np.inf, np.inf, 1.0
