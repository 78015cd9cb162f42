"""How far a number may be off: intervals by resampling, the same at every run."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from mesosweep.domain.score import Score

RESAMPLES = 2_000
FEWEST = 5
"""Of fewer values resampling makes an interval that is too narrow to be honest."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the 95 % interval that it lies in."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def mean_interval(values: Sequence[float], *, resamples: int = RESAMPLES) -> Interval | None:
    """Return the mean of values and its percentile bootstrap interval; None below `FEWEST`.

    Efron & Tibshirani (1993), chapter 13.
    """
    if len(values) < FEWEST:
        return None
    chance = random.Random(0)
    size = len(values)
    means = [fmean(chance.choices(values, k=size)) for _ in range(resamples)]
    return _interval(fmean(values), means)


def difference_interval(
    first: Score, second: Score, *, resamples: int = RESAMPLES
) -> Interval | None:
    """Return how far one mean lies above another, with a bootstrap interval; None if not finite.

    Records keep mean, spread and number of episodes, not each episode: the mean of a resample is
    drawn from what those determine (the parametric bootstrap).
    """
    if not (first.is_finite and second.is_finite):
        return None
    chance = random.Random(0)
    spreads = [score.std_reward / score.episodes**0.5 for score in (first, second)]
    if not all(map(math.isfinite, spreads)):  # a reward that was not finite
        return None
    drawn = [
        chance.gauss(first.mean_reward, spreads[0]) - chance.gauss(second.mean_reward, spreads[1])
        for _ in range(resamples)
    ]
    return _interval(first.mean_reward - second.mean_reward, drawn)


def _interval(value: float, drawn: list[float]) -> Interval:
    drawn.sort()
    last = len(drawn) - 1
    return Interval(value, drawn[round(0.025 * last)], drawn[round(0.975 * last)])
