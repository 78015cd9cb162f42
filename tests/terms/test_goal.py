"""Where an animal is to go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mesosweep.ports import Batch
from mesosweep.terms import goal, walking
from mesosweep.testing.batch import made_up


def facing_north(*goals: tuple[float, float], **others: Any) -> Batch:
    """Return lanes that stand at (1, 1) and look along +Y."""
    n = len(goals)
    root = [1.0, 1.0, 0.5, np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
    given = {
        "qvel": np.zeros((n, 6)),
        "failed": np.zeros(n, bool),
        "memory": {"goal_distance": np.zeros((n, 2))},
        "settings": {"goal_reach_m": 0.5},
    }
    return made_up(
        n=n,
        qpos=np.tile(root, (n, 1)),
        mocap_pos=[[[x, y, 0.3]] for x, y in goals],
        **{**given, **others},
    )


def test_the_bearing_is_what_the_animal_sees() -> None:
    batch = facing_north((1, 3), (0, 1), (3, 1), (1, 0))

    ahead, left = goal.bearing(batch)

    np.testing.assert_allclose(ahead, (1, 0, 0, -1), atol=1e-12)
    np.testing.assert_allclose(left, (0, 1, -1, 0), atol=1e-12)
    np.testing.assert_allclose(goal.distance(batch), (2, 1, 2, 1))
    np.testing.assert_allclose(goal.off_course(batch), (0, np.pi / 2, np.pi / 2, np.pi), atol=1e-12)


def test_a_goal_right_where_one_stands_has_no_direction_and_no_nan() -> None:
    batch = facing_north((1, 1))

    assert goal.distance(batch)[0] == 0
    assert np.isfinite(goal.bearing(batch)).all()


def test_speed_counts_what_leads_to_the_goal() -> None:
    qvel = [[3.0, 2.0, 9.0, 0, 0, 0]] * 2
    batch = facing_north((1, 5), (0, 1), qvel=qvel)

    np.testing.assert_allclose(goal.speed(batch), (2.0, -3.0))


def test_a_goal_is_reached_within_its_radius_and_passed_when_behind() -> None:
    batch = facing_north((1, 1.4), (1, 1.6), (1.6, 0.9))

    assert goal.reached(batch).tolist() == [True, False, False]
    assert goal.passed(batch).tolist() == [False, False, True]


def test_a_waypoint_pays_once_it_is_reached_on_foot() -> None:
    batch = facing_north((1, 1.4), (1, 1.4), (1, 3), failed=[False, True, False])

    assert walking.waypoint(batch).tolist() == [1.0, 0.0, 0.0]


def test_distances_of_this_step_and_the_last_one_make_the_closing_speed() -> None:
    batch = facing_north((1, 3), memory={"goal_distance": [[2.03, 9.0]]})

    goal.keep(batch)

    assert goal.closing(batch)[0] == pytest.approx(0.03 / 0.02)


def test_new_goals_lie_where_the_stage_says_as_seen_along_the_yaw() -> None:
    settings = {"goal_min_m": 2.0, "goal_max_m": 6.0, "goal_turn_rad": 0.0, "goal_lateral_m": 1.5}
    batch = facing_north((0, 0), settings=settings)
    rng, found = np.random.default_rng(0), []

    for _ in range(400):
        goal.put(batch, 0, np.pi / 2, 0.3, rng)
        found.append(batch.mocap_pos[0, 0] - [1.0, 1.0, 0.0])

    sideways, ahead, height = np.transpose(found)
    assert 2.0 <= ahead.min() < 2.1
    assert 5.9 < ahead.max() <= 6.0
    assert -1.5 <= sideways.min() < -1.4
    assert 1.4 < sideways.max() <= 1.5
    assert (height == 0.3).all()
    assert batch.memory["goal_distance"][0, 0] == pytest.approx(np.hypot(*found[-1][:2]))
