"""Intervals by resampling agree with what is known exactly, and repeat."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest

from mesosweep.domain.score import Score
from mesosweep.report.page.bootstrap import FEWEST, difference_interval, mean_interval
from mesosweep.testing.story import a_score


def test_the_interval_of_a_mean_is_about_the_textbooks() -> None:
    chance = random.Random(1)
    values = [chance.gauss(10.0, 2.0) for _ in range(400)]

    found = mean_interval(values)

    assert found is not None
    half = 1.96 * stdev(values) / math.sqrt(len(values))
    assert found.value == fmean(values)
    assert found.low == pytest.approx(found.value - half, abs=0.1 * half)
    assert found.high == pytest.approx(found.value + half, abs=0.1 * half)


def test_the_difference_of_two_scores_has_the_interval_of_normal_means() -> None:
    first, second = a_score(100.0, std=20.0, episodes=100), a_score(90.0, std=10.0, episodes=30)

    found = difference_interval(first, second)

    assert found is not None
    half = math.hypot(first.half_width, second.half_width)
    assert found.value == 10.0
    assert found.low == pytest.approx(10.0 - half, abs=0.1 * half)
    assert found.high == pytest.approx(10.0 + half, abs=0.1 * half)
    assert found.excludes_zero == (half < 10.0)


def test_it_is_the_same_at_every_run() -> None:
    assert mean_interval([1.0, 2.0, 4.0, 8.0, 16.0]) == mean_interval([1.0, 2.0, 4.0, 8.0, 16.0])


def test_too_few_values_have_no_interval() -> None:
    assert mean_interval([1.0] * (FEWEST - 1)) is None
    assert mean_interval([1.0] * FEWEST) is not None


@pytest.mark.parametrize("broken", [a_score(math.nan), a_score(1.0, std=math.nan)])
def test_what_is_not_finite_has_no_interval(broken: Score) -> None:
    assert difference_interval(broken, a_score(1.0)) is None
    assert difference_interval(a_score(1.0), broken) is None
