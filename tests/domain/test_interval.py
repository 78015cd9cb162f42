"""Intervals of means: wide where little is known, and none where nothing is."""

from __future__ import annotations

import math

import pytest

from mesosweep.domain.interval import MANY, half_width_95


def within(t: float, freedom: int) -> float:
    """Integrate Student's density from -t to t by Simpson's rule."""
    pieces = 2_000
    step = 2 * t / pieces
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    scale /= math.sqrt(freedom * math.pi)
    heights: list[float] = [
        (1 + (-t + i * step) ** 2 / freedom) ** (-(freedom + 1) / 2) for i in range(pieces + 1)
    ]
    weighed = heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2])
    return scale * weighed * step / 3


@pytest.mark.parametrize("count", range(2, MANY))
def test_of_few_values_it_is_students(count: int) -> None:
    half = half_width_95(math.sqrt(count), count)

    assert half is not None
    assert within(half, count - 1) == pytest.approx(0.95, abs=1e-5)


@pytest.mark.parametrize("count", [MANY, 100, 10_000])
def test_of_many_values_it_is_that_of_the_normal_approximation(count: int) -> None:
    assert half_width_95(1.0, count) == pytest.approx(1.959964 / math.sqrt(count))


def test_a_single_value_tells_nothing_of_others() -> None:
    assert half_width_95(0.0, 1) is None


def test_more_values_never_tell_less() -> None:
    halves = [half_width_95(1.0, count) or math.nan for count in range(2, 200)]

    assert halves == sorted(halves, reverse=True)
