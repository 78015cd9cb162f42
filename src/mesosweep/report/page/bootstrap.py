"""How far a number may be off: intervals by resampling, the same at every run.

Each covers what it says it covers in 95 of 100 synthetic searches whose truth is known
(`tests/report/page/test_bootstrap.py`), few values or many.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from mesosweep.domain.interval import half_width_95
from mesosweep.domain.score import Score

RESAMPLES = 2_000
FEWEST = 8
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
    """Return the mean of values and its expanded percentile bootstrap interval; None below `FEWEST`.

    The plain percentile interval (Efron & Tibshirani 1993, chapter 13) is too narrow where values
    are few: of five it covers the truth five times in six. The expanded one takes it further out,
    as far as Student's t does (Hesterberg 2015, section 4.4.1); of eight and more it covers the
    truth about as often as it says.
    """
    if len(values) < FEWEST:
        return None
    chance = random.Random(0)
    size = len(values)
    means = [fmean(chance.choices(values, k=size)) for _ in range(resamples)]
    deviations = half_width_95(1.0, size)
    assert deviations is not None
    # half_width_95 divides by the root of n, a resample's spread is short by that of (n - 1) / n.
    tail = NormalDist().cdf(-deviations * size / (size - 1) ** 0.5)
    return _interval(fmean(values), means, tail)


def promise_interval(
    promised: float, checked: Score, *, resamples: int = RESAMPLES
) -> Interval | None:
    """Return how much a number promised too much: what it lies above the true mean of the policy.

    `checked` is of fresh episodes of that very policy. They are all that is uncertain here: the
    promise stands as it was printed, luck included, and how much of it was luck is the question.
    To resample the promise as well would answer another one, where a repeated search would end,
    and cover this one far too often. None where a number is not finite, or of a single episode.
    """
    mean = _drawn_mean(checked)
    if mean is None or not math.isfinite(promised):
        return None
    chance = random.Random(0)
    drawn = [promised - mean(chance) for _ in range(resamples)]
    return _interval(promised - checked.mean_reward, drawn)


def difference_interval(
    first: Score, second: Score, *, resamples: int = RESAMPLES
) -> Interval | None:
    """Return how far one mean lies above another, with a bootstrap interval.

    None where a score is not finite, or of a single episode.
    """
    ours, theirs = _drawn_mean(first), _drawn_mean(second)
    if ours is None or theirs is None:
        return None
    chance = random.Random(0)
    drawn = [ours(chance) - theirs(chance) for _ in range(resamples)]
    return _interval(first.mean_reward - second.mean_reward, drawn)


def _drawn_mean(score: Score) -> Callable[[random.Random], float] | None:
    """Return what draws the mean of a resample; None where a score tells no spread.

    Records keep mean, spread and number of episodes, not each episode: the mean is drawn from
    what those determine (the parametric bootstrap), its spread from what so few of them tell.
    """
    if score.episodes < 2 or not (score.is_finite and math.isfinite(score.std_reward)):
        return None
    spread, freedom = score.std_reward / math.sqrt(score.episodes), score.episodes - 1

    def draw(chance: random.Random) -> float:
        told = chance.gammavariate(freedom / 2, 2 / freedom)
        return score.mean_reward + spread * chance.gauss(0, 1) / math.sqrt(told)

    return draw


def _interval(value: float, drawn: list[float], tail: float = 0.025) -> Interval:
    drawn.sort()
    last = len(drawn) - 1
    return Interval(value, drawn[round(tail * last)], drawn[round((1 - tail) * last)])
