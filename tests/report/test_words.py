"""Numbers, times and parameters as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.score import Gate, Score
from mesosweep.domain.space import Value
from mesosweep.report.words import (
    count,
    gain,
    many,
    number,
    parameters,
    scored,
    size,
    span,
    thresholds,
    value,
)


@pytest.mark.parametrize(
    ("given_number", "words"),
    [
        (0.0, "0"),
        (1234.4, "1234"),
        (999.96, "1000"),
        (56.71, "56.7"),
        (9.999, "10.0"),
        (8.904, "8.90"),
        (-0.1234, "-0.12"),
        (0.01234, "0.012"),
        (math.nan, "not finite"),
        (None, "–"),
    ],
)
def test_a_number_keeps_about_three_digits(given_number: float | None, words: str) -> None:
    assert number(given_number) == words


@given(st.floats(min_value=1e-3, max_value=1e6))
def test_a_written_number_is_within_a_twentieth_of_the_real_one(real: float) -> None:
    assert float(number(real)) == pytest.approx(real, rel=0.06)


@pytest.mark.parametrize(
    ("steps", "words"),
    [(950, "950"), (1000, "1k"), (12_340, "12.3k"), (999_960, "1M"), (1_500_000, "1.5M")],
)
def test_steps_are_counted_in_thousands_and_millions(steps: int, words: str) -> None:
    assert count(steps) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(8.4, "8 s"), (59.6, "1 min"), (240, "4 min"), (3900, "1 h 05"), (100_800, "1 d 4 h")],
)
def test_a_time_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_size_is_told_as_disks_are_sold() -> None:
    assert [size(n) for n in (512, 3_100, 1_200_000_000)] == ["512 B", "3.1 kB", "1.2 GB"]


def test_a_value_says_no_more_digits_than_matter() -> None:
    assert [value(v) for v in (2.3456e-4, 128, True, "small")] == [
        "0.000235",
        "128",
        "true",
        "small",
    ]


def test_parameters_are_named_shortly_and_in_their_order() -> None:
    assignment: dict[str, Value] = {
        "ppo_learning_rate": 1e-5,
        "env_alive_bonus": 2.0,
        "ppo_net_arch": "small",
    }

    assert parameters(assignment, algorithm="ppo") == "lr 1e-5 · alive_bonus 2 · net small"


def test_a_gain_carries_the_interval_of_the_difference() -> None:
    winner = Score(100, 120.0, 30.0, mean_length=1.0, full_length_rate=1.0)
    other = Score(100, 20.0, 40.0, mean_length=1.0, full_length_rate=1.0)

    assert gain(winner, other) == f"+100.0 ± {1.96 * 5:.2f}"
    assert gain(other, winner).startswith("-100.0")
    assert gain(winner, None) == "–"


def test_one_episode_tells_no_interval_and_few_tell_a_wide_one() -> None:
    one = Score(1, 120.0, 0.0, mean_length=1.0, full_length_rate=1.0)
    few = Score(4, 20.0, 2.0, mean_length=1.0, full_length_rate=1.0)

    assert scored(one) == "120.0 from one episode"
    assert scored(few) == "20.0 ± 3.18"
    assert gain(one, few) == "+100.0 from one episode"


def test_a_score_that_is_not_finite_is_called_so() -> None:
    broken = Score(10, math.nan, 0.0, mean_length=1.0, full_length_rate=0.0)

    assert scored(broken).startswith("not finite")


def test_a_gate_names_only_what_it_asks_for() -> None:
    gate = Gate(min_avg_reward=50, min_avg_forward_vel=1.0)

    assert thresholds(gate) == ("reward ≥ 50", "velocity ≥ 1 m/s")


@pytest.mark.parametrize(
    ("amount", "told"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (1_200, "1,200 trials")]
)
def test_one_is_not_many(amount: int, told: str) -> None:
    assert many(amount, "trial") == told
