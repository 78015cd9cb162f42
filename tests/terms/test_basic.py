"""Terms over sensors by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mesosweep import terms
from mesosweep.ports import Array, Batch
from mesosweep.testing.batch import made_up


def east(_: Batch) -> Array:
    return np.array([[1.0, 0.0]])


SQUARE = arrays(float, (3, 4), elements=st.floats(-1.0, 1.0))
VECTOR = arrays(float, (3, 3), elements=st.floats(-1e3, 1e3))


def test_being_is_counted_once() -> None:
    there = made_up(failed=[False, True, False], success=[False, False, True])

    np.testing.assert_array_equal(terms.alive(there), [1, 0, 1])
    np.testing.assert_array_equal(terms.fell(there), [0, 1, 0])
    np.testing.assert_array_equal(terms.done(there), [0, 0, 1])


@given(SQUARE, SQUARE)
def test_effort_stays_within_its_bounds(action: Any, previous: Any) -> None:
    there = made_up(action=action, previous_action=previous, steps=np.full(3, 2))

    assert ((terms.energy(there) >= 0) & (terms.energy(there) <= 1)).all()
    assert ((terms.jerkiness(there) >= 0) & (terms.jerkiness(there) <= 4)).all()


def test_effort_is_a_mean_over_actuators() -> None:
    there = made_up(action=[[1.0, 0.0]], previous_action=[[0.0, 0.0]], steps=np.array([5]))

    assert terms.energy(there) == pytest.approx([0.5])
    assert terms.jerkiness(there) == pytest.approx([0.5])


def test_the_first_action_of_an_episode_is_no_jerk() -> None:
    there = made_up(action=[[1.0]], previous_action=[[0.0]], steps=np.array([1]))

    np.testing.assert_array_equal(terms.jerkiness(there), [0.0])


def test_tilt_is_the_angle_from_upright() -> None:
    there = made_up(sensors={"up": [[0, 0, 1], [1, 0, 0], [0, 0, -1]]})

    np.testing.assert_allclose(terms.tilt("up")(there), [0, np.pi / 2, np.pi])


def test_a_sensor_beyond_one_by_rounding_is_upright() -> None:
    there = made_up(sensors={"up": [[0, 0, 1.0000000002]]})

    np.testing.assert_array_equal(terms.tilt("up")(there), [0.0])


def test_leaning_is_gentle_near_upright_and_bounded_beyond() -> None:
    angles = np.array([0.0, 0.4, 0.8, 2.0])
    there = made_up(sensors={"up": np.stack([np.sin(angles), 0 * angles, np.cos(angles)], axis=1)})

    np.testing.assert_allclose(
        terms.leaning("up", full_rad=0.8)(there), [0, 0.25, 1, 1], atol=1e-12
    )


def test_joints_are_compared_with_the_models_own_pose() -> None:
    @dataclass
    class Model:
        qpos0: Any

    there = made_up(model=Model([0, 0, 1.0, 1.0]), qpos=[[9, 9, 1, 3]])

    np.testing.assert_allclose(terms.joint_deviation(2, 4)(there), [2.0])


@given(VECTOR)
def test_saturated_terms_stay_within_one(velocity: Any) -> None:
    there = made_up(sensors={"v": velocity})

    for term in (
        terms.speed("v", saturation=1.5),
        terms.progress("v", east, saturation=2.6),
        terms.speed_across("v", east, saturation=1.0),
        terms.spin("v", saturation=3.0),
        terms.heading("v", east),
    ):
        assert (np.abs(term(there)) <= 1.0 + 1e-12).all()


def test_progress_is_linear_up_to_its_saturation() -> None:
    there = made_up(sensors={"v": [[1.3, 5.0, 9.0], [2.6, 0, 0], [9, 0, 0], [-9, 0, 0]]})

    np.testing.assert_allclose(
        terms.progress("v", east, saturation=2.6)(there), [0.5, 1.0, 1.0, -1.0]
    )


def test_sideways_is_what_does_not_lead_to_the_goal() -> None:
    there = made_up(sensors={"v": [[3.0, 0.25, 0], [3.0, -0.5, 0]]})

    np.testing.assert_allclose(terms.speed_across("v", east, saturation=1.0)(there), [0.25, 0.5])


def test_heading_is_measured_in_the_horizontal_plane() -> None:
    there = made_up(sensors={"ahead": [[0.5, 0, 0.8], [0, 1, 0], [-0.1, 0, 0]]})

    np.testing.assert_allclose(terms.heading("ahead", east)(there), [1, 0, -1], atol=1e-12)


def test_an_animal_that_looks_straight_up_heads_nowhere() -> None:
    there = made_up(sensors={"ahead": [[0, 0, 1.0]]})

    np.testing.assert_array_equal(terms.heading("ahead", east)(there), [0.0])


def test_standing_still_is_no_speed() -> None:
    there = made_up(sensors={"v": [[0, 0, 4.0], [0.3, 0.4, 0]]})

    np.testing.assert_allclose(terms.speed("v", saturation=1.0)(there), [0.0, 0.5])


def test_drift_is_counted_from_where_the_episode_began() -> None:
    there = made_up(sensors={"p": [[4.0, 5.0, 1.0]]}, memory={"home": [[1.0, 1.0]]})

    np.testing.assert_allclose(terms.drift("p", "home")(there), [5.0])


def test_pacing_to_and_fro_earns_nothing() -> None:
    approach = terms.approach("now", "then", saturation=3.0)
    to = made_up(memory={"then": [[2.00]], "now": [[1.97]]})
    fro = made_up(memory={"then": [[1.97]], "now": [[2.00]]})

    np.testing.assert_allclose(approach(to), [0.5])
    np.testing.assert_allclose(approach(to) + approach(fro), [0.0], atol=1e-12)


def test_approach_may_count_from_near_only() -> None:
    approach = terms.approach("now", "then", saturation=3.0, within=1.0)
    there = made_up(memory={"then": [[2.0], [0.96]], "now": [[1.97], [0.93]]})

    np.testing.assert_allclose(approach(there), [0.0, 0.5])


def test_heights_and_tilts_end_episodes_beyond_their_limits() -> None:
    there = made_up(sensors={"p": [[0, 0, 0.2], [0, 0, 0.5]], "up": [[0, 0, 1.0], [1.0, 0, 0]]})

    assert terms.below("p", 0.3)(there).tolist() == [True, False]
    assert terms.above("p", 0.3)(there).tolist() == [False, True]
    assert terms.tilted("up", beyond_rad=1.0)(there).tolist() == [False, True]


def test_a_touch_in_any_physics_step_counts() -> None:
    there = made_up(sensors={"claw": [[[0.0], [3.0], [0.0]], [[0.0], [0.0], [0.0]]]})

    assert terms.touched("claw")(there).tolist() == [True, False]
    assert terms.touched("claw", least_n=5.0)(there).tolist() == [False, False]


def test_forward_velocity_is_spread_over_the_whole_horizon() -> None:
    metric = terms.forward_velocity("v", east)
    there = made_up(sensors={"v": [[1.5, 9.0, 0.0]]})

    np.testing.assert_allclose(metric.value(there), [1.5])
    assert (metric.over, metric.unit) == ("per_horizon", "m/s")
