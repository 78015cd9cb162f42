"""Scores say only what was measured, and gates believe only that."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.score import Episode, Gate, Score, lower_bound


def an_episode(
    reward: float = 1.0, *, reason: str = "horizon", success: bool | None = None, **metrics: float
) -> Episode:
    return Episode(
        seed=0, reward=reward, length=100, reason=reason, success=success, metrics=metrics
    )


def a_score(
    mean: float = 1.0, *, std: float = 1.0, episodes: int = 30, success: float | None = None
) -> Score:
    return Score(episodes, mean, std, 100.0, 1.0, success_rate=success)


class TestScore:
    def test_it_sums_up_episodes(self) -> None:
        score = Score.of([an_episode(1.0), an_episode(3.0, reason="fell")])

        assert (score.episodes, score.mean_reward) == (2, 2.0)
        assert score.std_reward == pytest.approx(math.sqrt(2))
        assert score.full_length_rate == 0.5

    @pytest.mark.parametrize(
        "rewards",
        [(math.nan, 1.0), (math.inf, 1.0), (math.inf, -math.inf), (1e308, 1e308, 1e308)],
    )
    def test_rewards_that_are_no_numbers_make_a_score_that_is_none(
        self, rewards: tuple[float, ...]
    ) -> None:
        assert not Score.of([an_episode(reward) for reward in rewards]).is_finite

    def test_a_metric_that_one_episode_lacks_is_unmeasured(self) -> None:
        score = Score.of([an_episode(speed=1.0, turn=2.0), an_episode(speed=3.0)])

        assert score.metrics == {"speed": 2.0}

    def test_success_is_unmeasured_where_there_is_no_task(self) -> None:
        assert Score.of([an_episode()]).success_rate is None

    def test_success_is_a_share_of_episodes(self) -> None:
        score = Score.of([an_episode(success=True), an_episode(success=False)])

        assert score.success_rate == 0.5

    def test_no_episodes_are_no_score(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            Score.of([])

    def test_one_score_exceeds_another_only_beyond_the_interval(self) -> None:
        low = a_score(0.0, std=1.0, episodes=100)

        assert a_score(0.30, std=1.0, episodes=100).exceeds(low)
        assert not a_score(0.25, std=1.0, episodes=100).exceeds(low)

    def test_a_single_episode_has_no_interval_and_exceeds_nothing(self) -> None:
        single = Score.of([an_episode(1e6)])

        assert single.half_width is None
        assert not single.exceeds(a_score(0.0))
        assert not a_score(1e9).exceeds(single)

    def test_what_is_not_finite_exceeds_nothing(self) -> None:
        assert not a_score(math.nan).exceeds(a_score(0.0))
        assert not a_score(math.inf).exceeds(a_score(0.0))


class TestGate:
    def test_an_open_gate_admits_everything(self) -> None:
        assert Gate().admits(a_score(-1e9)).passed

    def test_every_threshold_must_hold_and_each_miss_is_named(self) -> None:
        verdict = Gate(min_avg_reward=2.0, min_avg_episode_length=200.0).admits(a_score(1.0))

        assert not verdict.passed
        assert verdict.reasons == (
            "reward 1 below 2",
            "episode length 100 steps below 200 steps",
        )

    def test_unmeasured_is_not_zero(self) -> None:
        verdict = Gate(min_avg_forward_vel=-1.0).admits(a_score())

        assert verdict.reasons == ("forward velocity was not measured (gate -1 m/s)",)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_what_is_not_finite_does_not_pass(self, value: float) -> None:
        assert not Gate(min_avg_reward=0.0).admits(a_score(value)).passed

    def test_success_is_judged_by_its_lower_bound(self) -> None:
        gate = Gate(min_success_rate=0.5)

        assert gate.admits(a_score(success=20 / 30)).passed
        assert not gate.admits(a_score(success=19 / 30)).passed


class TestLowerBound:
    @pytest.mark.parametrize(
        ("successes", "expected"), [(20, 0.5006), (19, 0.4669), (29, 0.8514), (0, 0.0)]
    )
    def test_known_values_of_thirty_episodes(self, successes: int, expected: float) -> None:
        assert lower_bound(successes / 30, 30) == pytest.approx(expected, abs=5e-5)

    @given(episodes=st.integers(1, 120), data=st.data())
    def test_it_lies_below_the_rate_and_rises_with_it(
        self, episodes: int, data: st.DataObject
    ) -> None:
        successes = data.draw(st.integers(0, episodes - 1))

        low = lower_bound(successes / episodes, episodes)
        high = lower_bound((successes + 1) / episodes, episodes)

        assert 0.0 <= low <= successes / episodes
        assert low < high
