"""Left and right: the mirror image of what an animal sees and does, as array operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Array, Mirror


class Reflection:
    """A `ports.Mirror`, checked and ready to be applied to many rows."""

    def __init__(self, mirror: Mirror, *, observations: int, actions: int) -> None:
        """Take up a symmetry of so many observation and action numbers.

        Raises:
            SettingsError: it is of other sizes, or applied twice is not the identity.
        """
        self._seen = _checked(
            "observation", mirror.observation_source, mirror.observation_sign, observations
        )
        self._done = _checked("action", mirror.action_source, mirror.action_sign, actions)

    def observations(self, rows: Array) -> Array:
        """Return the twins of observations, (n, obs_dim)."""
        source, sign = self._seen
        twins: Array = rows[:, source] * sign
        return twins

    def actions(self, rows: Array) -> Array:
        """Return the twins of actions, (n, act_dim)."""
        source, sign = self._done
        twins: Array = rows[:, source] * sign
        return twins

    def symmetrised(self, mean: Array, var: Array) -> tuple[Any, Any]:
        """Return mean and variance of samples together with their twins, (obs_dim,) each.

        Exactly symmetric, so that normalising by them and mirroring commute to the last
        bit. No difference of large numbers is taken.
        """
        source, sign = self._seen
        other = mean[source] * sign
        return (mean + other) / 2, (var + var[source]) / 2 + np.square((mean - other) / 2)


def _checked(what: str, source: Sequence[int], sign: Sequence[float], size: int) -> tuple[Any, Any]:
    places, signs = np.asarray(source, np.intp), np.asarray(sign, np.float32)
    if len(places) != size or len(signs) != size:
        raise SettingsError(
            f"The species' mirror has {len(places)} sources and {len(signs)} signs for its "
            f"{size} {what} numbers.",
            hint="Each number needs one of both: see `Mirror`.",
        )
    if not (
        np.array_equal(np.sort(places), np.arange(size))
        and np.array_equal(places[places], np.arange(size))
        and np.array_equal(signs * signs[places], np.ones(size))
    ):
        raise SettingsError(
            f"The species' mirror of {what} numbers, applied twice, does not give them back.",
            hint="Left must go to right and right to left, with the same sign of 1 or -1.",
        )
    return places, signs
