"""Points drawn without a model: plain random search, and an even cover to start from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count as from_zero
from itertools import islice
from typing import TYPE_CHECKING

from mesosweep.domain.space import Assignment, SearchSpace

if TYPE_CHECKING:
    from mesosweep.domain.trial import Trial

GIVEN = frozenset(("default", "enqueued"))
"""Origins of trials that no sampler chose."""
_DIGITS = 24
"""Digits of a scrambled number; 2**-24 is finer than any sweep can see."""


class RandomSampler:
    """Independent uniform draws over the (scaled) space: the honest baseline."""

    name = "random"

    def suggest(
        self,
        space: SearchSpace,
        history: Sequence[Trial],
        *,
        count: int,
        total: int,  # noqa: ARG002  # part of the port; a random draw needs no horizon
        seed: int,
    ) -> Sequence[tuple[Assignment, str]]:
        first = chosen(history)
        return [(_uniform(space, first + i, seed=seed), "startup") for i in range(count)]


def chosen(history: Sequence[Trial]) -> int:
    """Return how many trials a sampler chose, whatever else is there.

    The n-th of them is the same whenever it is asked for: alone or with others, and
    in a sweep that was interrupted.
    """
    return sum(trial.origin not in GIVEN for trial in history)


def quasi_random(space: SearchSpace, index: int, *, seed: int) -> Assignment:
    """Return point `index` (from 0) of a scrambled Halton sequence over the space.

    A few of them cover a space more evenly than independent draws do: the first
    b points fall into b different b-ths of a parameter whose base is b. Digits are
    permuted anew at each place, which undoes the correlation of high bases
    (Owen, "A randomized Halton algorithm in R", 2017).
    """
    bases = islice(_primes(), len(space))
    return {
        name: parameter.at(_scrambled(index, base, seed=seed))
        for (name, parameter), base in zip(space.items(), bases, strict=True)
    }


def _uniform(space: SearchSpace, index: int, *, seed: int) -> Assignment:
    # A generator of its own per trial: the draw does not depend on what was drawn before.
    rng = random.Random(f"{seed}/uniform/{index}")
    return {name: parameter.at(rng.random()) for name, parameter in space.items()}


def _scrambled(index: int, base: int, *, seed: int) -> float:
    value, scale = 0.0, 1.0
    for permutation in _permutations(base, seed):
        index, digit = divmod(index, base)
        scale /= base
        value += permutation[digit] * scale
    return min(value, 1.0)


@lru_cache(maxsize=256)
def _permutations(base: int, seed: int) -> tuple[tuple[int, ...], ...]:
    rng = random.Random(f"{seed}/halton/{base}")
    return tuple(tuple(rng.sample(range(base), base)) for _ in range(_DIGITS))


def _primes() -> Iterator[int]:
    return (n for n in from_zero(2) if all(n % d for d in range(2, int(n**0.5) + 1)))
