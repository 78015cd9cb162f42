"""Intervals by resampling agree with what is known exactly, and repeat."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest

from mesosweep.domain.score import Score
from mesosweep.report.page.bootstrap import (
    FEWEST,
    difference_interval,
    mean_interval,
    promise_interval,
)
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
    half = 1.96 * math.hypot(20.0 / math.sqrt(100), 10.0 / math.sqrt(30))
    assert found.value == 10.0
    assert found.low == pytest.approx(10.0 - half, abs=0.1 * half)
    assert found.high == pytest.approx(10.0 + half, abs=0.1 * half)
    assert found.excludes_zero == (half < 10.0)


VALUES = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]


def test_it_is_the_same_at_every_run() -> None:
    assert mean_interval(VALUES) == mean_interval(VALUES)


def test_too_few_values_have_no_interval() -> None:
    assert mean_interval([1.0] * (FEWEST - 1)) is None
    assert mean_interval([1.0] * FEWEST) is not None


@pytest.mark.parametrize("broken", [a_score(math.nan), a_score(1.0, std=math.nan)])
def test_what_is_not_finite_has_no_interval(broken: Score) -> None:
    assert difference_interval(broken, a_score(1.0)) is None
    assert difference_interval(a_score(1.0), broken) is None


def test_a_single_episode_has_no_interval_to_compare() -> None:
    assert difference_interval(a_score(5.0, std=0.0, episodes=1), a_score(1.0)) is None
    assert difference_interval(a_score(5.0), a_score(1.0, std=0.0, episodes=1)) is None


class TestCoverage:
    """Of 100 searches whose truth is known, an interval of 95 % must cover it in about 95."""

    SEARCHES = 300
    SLACK = 0.038
    """Three standard errors of a coverage of 95 %, seen in so many searches."""

    @pytest.mark.parametrize("episodes", [100, 5])
    def test_what_a_search_score_promised_too_much_lies_in_its_interval(
        self, episodes: int
    ) -> None:
        chance = random.Random(7)
        covered = too_wide = 0
        for _ in range(self.SEARCHES):
            # A policy that stays what it is; its search score is the best of twenty evaluations.
            truth, spread = chance.gauss(500.0, 100.0), 80.0
            evaluations = [sampled(chance, truth, spread, 10) for _ in range(20)]
            search = max(evaluations, key=lambda score: score.mean_reward)
            verified = sampled(chance, truth, spread, episodes)

            told = promise_interval(search.mean_reward, verified, resamples=200)
            noisy = difference_interval(search, verified, resamples=200)

            assert told is not None
            assert noisy is not None
            covered += told.low <= search.mean_reward - truth <= told.high
            too_wide += noisy.low <= search.mean_reward - truth <= noisy.high
        assert covered / self.SEARCHES == pytest.approx(0.95, abs=self.SLACK)
        if episodes == 100:
            # With the noise of the search score in it, it would hardly ever be wrong: it is of
            # another question, and hides gaps that are there.
            assert too_wide / self.SEARCHES > 0.995

    @pytest.mark.parametrize("count", [FEWEST, 30])
    def test_the_mean_of_few_trials_lies_in_its_interval(self, count: int) -> None:
        chance = random.Random(12)
        covered = 0
        for _ in range(self.SEARCHES):
            told = mean_interval([chance.gauss(20.0, 50.0) for _ in range(count)], resamples=400)
            assert told is not None
            covered += told.low <= 20.0 <= told.high
        assert covered / self.SEARCHES == pytest.approx(0.95, abs=self.SLACK)

    @pytest.mark.parametrize(("ours", "theirs"), [(100, 6), (5, 5)])
    def test_the_distance_of_two_means_lies_in_its_interval(self, ours: int, theirs: int) -> None:
        chance = random.Random(13)
        covered = 0
        for _ in range(self.SEARCHES):
            first, second = sampled(chance, 50.0, 10.0, ours), sampled(chance, 20.0, 30.0, theirs)
            told = difference_interval(first, second, resamples=200)
            assert told is not None
            covered += told.low <= 30.0 <= told.high
        # Two spreads that are estimated apart (Behrens & Fisher) make it careful, never bold.
        assert 0.95 - self.SLACK <= covered / self.SEARCHES <= 0.99


def sampled(chance: random.Random, truth: float, spread: float, episodes: int) -> Score:
    rewards = [chance.gauss(truth, spread) for _ in range(episodes)]
    return a_score(fmean(rewards), std=stdev(rewards), episodes=episodes)


def test_a_promise_that_nothing_can_check_has_no_interval() -> None:
    assert promise_interval(math.nan, a_score(1.0)) is None
    assert promise_interval(5.0, a_score(1.0, std=0.0, episodes=1)) is None
