"""Scales put values where they belong, and ticks are round."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.report.page.svg import Scale, log_ticks, padded, round_ticks

numbers = st.floats(-1e9, 1e9)


@given(numbers, st.floats(1e-3, 1e9))
def test_ticks_lie_within_and_are_not_many(low: float, width: float) -> None:
    high = low + width

    ticks = round_ticks(low, high, 4)

    slack = 1e-6 * width
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert 1 <= len(ticks) <= 8


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.0, 500.0, [0, 100, 200, 300, 400, 500]), (-0.1, 0.1, [-0.1, -0.05, 0.0, 0.05, 0.1])],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high, 4) == pytest.approx(ticks)


@given(st.floats(1e-9, 1e6), st.floats(1.5, 1e6))
def test_logarithmic_ticks_lie_within(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio, 4)

    assert ticks
    assert all(low * 0.99 <= tick <= low * ratio * 1.01 for tick in ticks)


@given(st.floats(1e-6, 1.0), st.floats(2.0, 1e4), st.floats(0.0, 1.0))
def test_a_logarithmic_scale_keeps_ratios(low: float, ratio: float, share: float) -> None:
    scale = Scale(low, low * ratio, 10.0, 110.0, kind="log")

    assert scale(low * ratio**share) == pytest.approx(10.0 + 100.0 * share, abs=1e-6)


def test_a_scale_without_extent_has_a_middle() -> None:
    assert Scale(5.0, 5.0, 0.0, 100.0)(5.0) == 50.0


def test_padding_gives_equal_values_some_room() -> None:
    for value in (0.0, 7.0, -3.0):
        low, high = padded([value, value])
        assert low < value < high
        assert math.isfinite(low + high)
