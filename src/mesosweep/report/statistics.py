"""How good a few training runs show a configuration to be, and whether it beats another one.

The measures of Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the
Statistical Precipice": interquartile mean, stratified bootstrap, probability of improvement.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist, fmean
from typing import TypeAlias

Runs: TypeAlias = Sequence[Sequence[float]]
"""Scores by stratum (a task, a stage), then by run. A run that diverged scores minus infinity."""

RESAMPLES = 10_000
_CUT = 0.25
_ENUMERATED = 200_000
"""Up to so many ways of dealing out the runs the test is exact."""
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and the 95 % interval that it lies in; the ends may be infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether runs of one configuration score higher than those of another."""

    probability: Interval
    """That a run of the first beats one of the second; an equal score is half a win (eq. 2)."""
    p_value: float
    """Mann-Whitney test, two-sided: the chance of so large a difference between equals."""

    @property
    def is_clear(self) -> bool:
        """Whether they can be told apart at 95 %.

        The bootstrap alone is too sure of itself where runs are few: of three runs each, all
        above all, it makes an interval of width zero. The rank test is exact there.
        """
        apart = self.probability.low > 0.5 or self.probability.high < 0.5
        return apart and self.p_value < 0.05


def iqm(runs: Runs) -> float:
    """Return the mean of the middle half of all scores: a quarter is cut off at either end."""
    pooled = sorted(score for stratum in runs for score in stratum)
    cut = int(_CUT * len(pooled))
    return fmean(pooled[cut : len(pooled) - cut])


def iqm_interval(runs: Runs, *, resamples: int = RESAMPLES) -> Interval:
    """Return the interquartile mean with its stratified percentile bootstrap interval."""
    return _interval(iqm(runs), lambda chance: iqm(_resampled(runs, chance)), resamples)


def improvement(first: Runs, second: Runs) -> float:
    """Return the probability that a run of `first` beats one of `second`, the mean over strata."""
    return fmean(_beats(ours, theirs) for ours, theirs in zip(first, second, strict=True))


def improvement_interval(first: Runs, second: Runs, *, resamples: int = RESAMPLES) -> Interval:
    """Return the probability of improvement with its stratified percentile bootstrap interval."""
    return _interval(
        improvement(first, second),
        lambda chance: improvement(_resampled(first, chance), _resampled(second, chance)),
        resamples,
    )


def compare(first: Runs, second: Runs, *, resamples: int = RESAMPLES) -> Comparison:
    """Compare two configurations; equal numbers of runs are not needed.

    The rank test takes a single stratum: scores of several tasks have no common scale.

    Raises:
        ValueError: there are several strata.
    """
    if len(first) != 1 or len(second) != 1:
        raise ValueError("the rank test compares runs of one task")
    probability = improvement_interval(first, second, resamples=resamples)
    return Comparison(probability, mann_whitney(first[0], second[0]))


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value of the rank-sum test, ties sharing their ranks.

    Exact, by dealing the ranks out in every way there is, up to about ten runs each; by the
    normal approximation with corrections for ties and continuity beyond.
    """
    ranks = _ranks([*first, *second])
    size, total = len(first), len(ranks)
    expected = size * (total + 1) / 2
    seen = abs(sum(ranks[:size]) - expected)
    ways = math.comb(total, size)
    if ways <= _ENUMERATED:
        extreme = sum(
            abs(sum(dealt) - expected) >= seen - _TOLERANCE for dealt in combinations(ranks, size)
        )
        return extreme / ways
    spread = size * (total - size) / (total * (total - 1))
    variance = spread * sum((rank - (total + 1) / 2) ** 2 for rank in ranks)
    if variance == 0:
        return 1.0
    return min(1.0, 2 * NormalDist().cdf(-(max(seen - 0.5, 0.0)) / math.sqrt(variance)))


def _ranks(values: Sequence[float]) -> list[float]:
    below = {v: sum(other < v for other in values) for v in set(values)}
    return [below[v] + (values.count(v) + 1) / 2 for v in values]


def _beats(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return fmean((a > b) + (a == b) / 2 for a in ours for b in theirs)


def _resampled(runs: Runs, chance: random.Random) -> list[list[float]]:
    return [chance.choices(stratum, k=len(stratum)) for stratum in runs]


def _interval(value: float, draw: Callable[[random.Random], float], resamples: int) -> Interval:
    chance = random.Random(0)
    drawn = sorted(draw(chance) for _ in range(resamples))
    return Interval(value, _quantile(drawn, 0.025), _quantile(drawn, 0.975))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    # Between an infinite and a finite value there is nothing to interpolate.
    return low if not math.isfinite(low) else low + (place % 1) * (high - low)
