"""Schedules, warm-up and ramp are functions of the step alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.algorithms._schedules import Schedule, Shape, Shaping, schedules, shaping
from mesosweep.domain.errors import SettingsError

values = st.floats(0, 1)


@given(
    start=values, end=values, progress=st.floats(0, 1), shape=st.sampled_from(["linear", "cosine"])
)
def test_a_schedule_stays_between_its_ends(
    start: float, end: float, progress: float, shape: Shape
) -> None:
    value = Schedule(start, end, shape).at(progress)

    assert min(start, end) - 1e-12 <= value <= max(start, end) + 1e-12


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_schedule_meets_its_ends_exactly(shape: Shape) -> None:
    schedule = Schedule(3e-4, 1e-5, shape)

    assert schedule.at(0) == 3e-4
    assert schedule.at(1) == 1e-5
    assert schedule.at(0.5) == pytest.approx((3e-4 + 1e-5) / 2)


def test_the_shapes_differ_on_the_way() -> None:
    assert Schedule(1, 0, "linear").at(0.25) == 0.75
    assert Schedule(1, 0, "cosine").at(0.25) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert Schedule(1, 0).at(0.25) == 1


def read(**given: Any) -> dict[str, Schedule]:
    return schedules({"learning_rate": 1.0, **given}, ("learning_rate",), algorithm="ppo")


def test_an_end_alone_means_linear() -> None:
    assert read(learning_rate_end=0.5)["learning_rate"] == Schedule(1, 0.5, "linear")
    assert read(learning_rate_end=0.5, schedule="cosine")["learning_rate"].shape == "cosine"
    assert read()["learning_rate"] == Schedule(1, 1, "constant")


def test_a_shape_with_nothing_to_change_is_an_error() -> None:
    with pytest.raises(SettingsError, match="no value to change") as caught:
        read(schedule="linear")

    assert "ppo.learning_rate_end" in (caught.value.hint or "")


def test_an_unknown_shape_is_named_with_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match="linaer") as caught:
        read(schedule="linaer", learning_rate_end=0.5)

    assert "'linear'" in (caught.value.hint or "")


def test_an_end_may_be_a_share_of_a_start_that_is_searched() -> None:
    assert read(learning_rate_end_fraction=0.2)["learning_rate"] == Schedule(1, 0.2, "linear")


def test_two_ends_of_one_value_are_refused() -> None:
    with pytest.raises(SettingsError, match="learning_rate_end_fraction says where it ends, too"):
        read(learning_rate_end=0.5, learning_rate_end_fraction=0.5)


def shaped(timesteps: int = 1_000_000, ramp_end: float | None = 2.0, **given: Any) -> Shaping:
    return shaping(given, timesteps=timesteps, ramp_end=ramp_end)


def test_lengths_that_fit_are_kept() -> None:
    found = shaped(warmup_timesteps=100_000, ramp_timesteps=200_000, ramp_start_value=0.25)

    assert (found.warmup_steps, found.ramp_steps, found.ramp_start) == (100_000, 200_000, 0.25)


def test_lengths_for_a_longer_run_shrink_together_to_half_of_the_budget() -> None:
    found = shaped(timesteps=100_000, warmup_timesteps=100_000, ramp_timesteps=400_000)

    assert (found.warmup_steps, found.ramp_steps) == (10_000, 40_000)


def test_fractions_are_obeyed() -> None:
    found = shaped(warmup_fraction=0.1, ramp_fraction=0.9)

    assert (found.warmup_steps, found.ramp_steps) == (100_000, 900_000)


@given(
    timesteps=st.integers(1, 10**7),
    warmup=st.integers(0, 10**7),
    ramp=st.integers(0, 10**7),
)
def test_warm_up_and_ramp_always_fit_the_budget(timesteps: int, warmup: int, ramp: int) -> None:
    found = shaped(timesteps, warmup_timesteps=warmup, ramp_timesteps=ramp)

    assert found.warmup_steps + found.ramp_steps <= timesteps
    assert found.ramp_at(timesteps) in {None, 2.0}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"warmup_timestep": 5}, "warmup_timestep"),
        ({"warmup_timesteps": 5, "warmup_fraction": 0.1}, "both"),
        ({"ramp_fraction": 1.5}, "outside"),
        ({"ramp_fraction": 0.6, "warmup_fraction": 0.6}, "more than 1"),
        ({"warmup_timesteps": -1}, "number of steps"),
        ({"warmup_timesteps": 2.5}, "number of steps"),
        ({"warmup_timesteps": "many"}, "finite number"),
        ({"warmup_clip_range": 0}, "above 0"),
        ({"warmup_ent_coef": -0.1}, "below 0"),
        ({"ramp_start_value": math.nan}, "finite"),
    ],
)
def test_impossible_settings_are_sentences(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        shaped(**given)


def test_a_ramp_needs_something_to_ramp() -> None:
    with pytest.raises(SettingsError, match="forward_vel_weight"):
        shaped(ramp_end=None, ramp_timesteps=10)


def test_even_a_short_warm_up_acts_on_the_first_update() -> None:
    found = shaped(warmup_timesteps=10)

    assert found.warms(0)
    assert found.warms(9)
    assert not found.warms(10)


def test_the_ramp_rises_to_its_end_and_stays() -> None:
    found = shaped(ramp_timesteps=10_000, ramp_start_value=0.5)

    assert [found.ramp_at(step) for step in (0, 5_000, 10_000, 999_999)] == [0.5, 1.25, 2.0, 2.0]


def test_the_ramped_weight_changes_at_ticks_only() -> None:
    found = shaped(ramp_timesteps=10_000, ramp_start_value=0.5)

    assert found.ramp_at(5_000) == found.ramp_at(5_999)
    assert found.ramp_at(5_999) != found.ramp_at(6_000)


def test_without_a_ramp_the_weight_is_left_alone() -> None:
    assert shaped(warmup_timesteps=10).ramp_at(0) is None
