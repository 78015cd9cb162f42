"""Interquartile means, their intervals, and who beats whom: as rliable has them."""

from __future__ import annotations

import importlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.report.statistics import (
    compare,
    improvement,
    improvement_interval,
    iqm,
    iqm_interval,
    mann_whitney,
)

SCORES = st.floats(-1e4, 1e4).map(lambda x: round(x, 2))
FEW = st.lists(SCORES, min_size=1, max_size=6)
A = [412.0, 388.5, 455.2, 130.9, 401.7, 433.3, 290.0]
B = [351.0, 388.5, 210.4, 95.1, 402.2]


def theirs(module: str) -> Any:  # no types come with it
    pytest.importorskip("rliable", reason="rliable is not installed: pip install rliable")
    return importlib.import_module(f"rliable.{module}")


def columns(*strata: list[float]) -> Any:  # a NumPy matrix, runs by tasks
    return importlib.import_module("numpy").array(strata).T


def test_the_interquartile_mean_is_rliables() -> None:
    metrics = theirs("metrics")

    for strata in ([A], [B], [A[:5], B], [A[:5], B, [x - 1 for x in B]], [[7.0]]):
        assert iqm(strata) == pytest.approx(metrics.aggregate_iqm(columns(*strata)))


def test_the_probability_of_improvement_is_rliables() -> None:
    metrics = theirs("metrics")

    for one, other in (([A], [B]), ([B], [A]), ([A], [A]), ([A[:3], B[:3]], [B[:3], B[1:4]])):
        reference = metrics.probability_of_improvement(columns(*one), columns(*other))
        assert improvement(one, other) == pytest.approx(reference)


def test_intervals_are_the_papers_stratified_bootstrap_but_for_the_luck_of_the_draw() -> None:
    # The resampling of the paper, written out: runs drawn anew within each task, rliable's own
    # measures of them, percentiles.
    metrics = theirs("metrics")
    numpy = importlib.import_module("numpy")
    luck = numpy.random.default_rng(1)

    def again(runs: Any) -> Any:  # NumPy matrices
        drawn = luck.choice(runs.shape[0], runs.shape, replace=True)
        return runs[drawn, numpy.arange(runs.shape[1])]

    one, other = columns(A[:5], B), columns(B[:4], A[1:5])
    means = [metrics.aggregate_iqm(again(one)) for _ in range(4_000)]
    odds = [metrics.probability_of_improvement(again(one), again(other)) for _ in range(1_000)]

    ours = iqm_interval([A[:5], B])
    low, high = numpy.percentile(means, [2.5, 97.5])
    assert ours.low == pytest.approx(low, abs=0.06 * (high - low))
    assert ours.high == pytest.approx(high, abs=0.06 * (high - low))
    told = improvement_interval([A[:5], B], [B[:4], A[1:5]])
    assert (told.low, told.high) == pytest.approx(numpy.percentile(odds, [2.5, 97.5]), abs=0.06)


def test_what_rliable_said_of_these_runs_once() -> None:
    # Kept here for where it is not installed.
    assert iqm([A]) == pytest.approx(385.1)
    assert iqm([B]) == pytest.approx(316.6333333)
    assert improvement([A], [B]) == pytest.approx(25.5 / 35)


def test_the_rank_test_is_exact_for_few_runs() -> None:
    assert mann_whitney([4, 5, 6], [1, 2, 3]) == pytest.approx(2 / 20)
    assert mann_whitney([5, 6, 7, 8], [1, 2, 3, 4]) == pytest.approx(2 / 70)
    assert mann_whitney([1, 1], [1, 1]) == 1.0


def test_for_many_runs_the_rank_test_is_scipys_approximation() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install scipy")
    one = [float(n) for n in range(3, 33, 2)]
    other = [float(n) for n in range(15)]

    reference = stats.mannwhitneyu(one, other, method="asymptotic").pvalue

    assert mann_whitney(one, other) == pytest.approx(reference)


@given(one=FEW, other=FEW)
def test_one_beats_the_other_as_often_as_the_other_is_beaten(
    one: list[float], other: list[float]
) -> None:
    assert improvement([one], [other]) + improvement([other], [one]) == pytest.approx(1)
    assert mann_whitney(one, other) == pytest.approx(mann_whitney(other, one))


def test_three_runs_all_above_three_are_not_enough_and_four_are() -> None:
    few = compare([[4.0, 5.0, 6.0]], [[1.0, 2.0, 3.0]])
    more = compare([[5.0, 6.0, 7.0, 8.0]], [[1.0, 2.0, 3.0, 4.0]])

    assert few.probability.value == few.probability.low == 1.0
    assert not few.is_clear
    assert more.is_clear


def test_runs_of_the_same_kind_are_not_told_apart() -> None:
    assert not compare([A[:4]], [A[3:]]).is_clear
    assert not compare([A], [A]).is_clear


def test_a_run_that_diverged_is_trimmed_while_it_is_the_only_one() -> None:
    one, two = [-math.inf, 5.0, 6.0, 7.0], [-math.inf, -math.inf, 6.0, 7.0]

    assert iqm([one]) == 5.5
    assert iqm([two]) == -math.inf
    assert iqm_interval([one]).low == -math.inf
    assert not math.isnan(iqm_interval([two]).high)


def test_the_same_runs_give_the_same_interval() -> None:
    assert iqm_interval([A]) == iqm_interval([A])
