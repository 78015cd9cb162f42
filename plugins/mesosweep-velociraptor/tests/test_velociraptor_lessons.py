"""The three lessons ask for what they say: a goal that moves on, an honest strike, a hunt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from mesosweep.envs.batch import Lanes
from mesosweep.testing.baselines import reference, training
from mesosweep_velociraptor import SPECIES
from mesosweep_velociraptor.body import BODY, RAPTOR

STILL = np.zeros((1, 22))
PREY_M = 0.15


def one_lane(settings: Mapping[str, Any]) -> Lanes:
    lanes = Lanes(BODY, settings, 1)
    lanes.seed(0, 0)
    lanes.begin([0])
    return lanes


def put_prey(lanes: Lanes, at: Any) -> None:
    """Move the prey as if it had been there before the step: nobody has struck it yet."""
    lanes.derived.clear()
    RAPTOR.due(lanes)
    lanes.mocap_pos[:, 0] = at


def test_a_reached_goal_moves_on() -> None:
    lanes = one_lane(reference(SPECIES, 2))
    put_prey(lanes, lanes.qpos[0, :3] + np.array([0.5, 0.0, 0.0]))

    lanes.step(STILL)
    lanes.step(STILL)

    assert lanes.memory["goal_distance"][0, 0] > reference(SPECIES, 2)["goal_min_m"] - 0.2


def test_the_prey_is_the_one_that_was_agreed_on() -> None:
    settings = reference(SPECIES, 3)
    lanes = Lanes(BODY, settings, 300)
    for lane in range(300):
        lanes.seed(lane, lane)
    lanes.begin(range(300))

    away = lanes.mocap_pos[:, 0]
    assert settings["target_radius_m"] == PREY_M
    assert (away[:, 2] == 0.3).all()
    assert ((away[:, 0] >= 2.0) & (away[:, 0] <= 6.0)).all()
    assert away[:, 0].min() < 2.2
    assert away[:, 0].max() > 5.8
    assert 1.4 < np.abs(away[:, 1]).max() <= 1.5


@pytest.mark.parametrize(("apart", "is_struck"), [(0.14, True), (0.2, False)])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_strike_is_a_claws_tip_inside_the_prey(side: str, apart: float, is_struck: bool) -> None:
    lanes = one_lane(reference(SPECIES, 3))
    outward = np.array([0.0, 1.0 if side == "left" else -1.0, 0.0])
    put_prey(lanes, lanes.sensor(f"{side}_claw_tip")[0] + apart * outward)

    stepped = lanes.step(STILL)

    assert bool(lanes.success[0]) is is_struck
    assert (stepped.episodes[0].reason == "success") if is_struck else not stepped.episodes


def test_who_falls_while_striking_has_not_struck() -> None:
    lanes = one_lane({**reference(SPECIES, 3), "healthy_min_m": 5.0, "healthy_max_m": 6.0})
    put_prey(lanes, lanes.sensor("left_claw_tip")[0])

    stepped = lanes.step(STILL)

    assert stepped.episodes[0].reason == "fallen"
    assert stepped.episodes[0].success is False


def test_in_training_a_strike_is_paid_and_the_hunt_goes_on() -> None:
    lanes = one_lane(training(SPECIES, 3))
    put_prey(lanes, lanes.sensor("left_claw_tip")[0])

    stepped = lanes.step(STILL)

    assert not stepped.episodes
    assert stepped.reward[0] > training(SPECIES, 3)["strike_bonus"] - 10
    lanes.step(STILL)
    assert lanes.memory["goal_distance"][0, 0] > training(SPECIES, 3)["goal_min_m"] - 0.2


def test_the_claws_see_where_the_prey_is() -> None:
    lanes = one_lane(reference(SPECIES, 3))
    between = lanes.sensors(RAPTOR.target.tips).reshape(2, 3).mean(axis=0)
    lanes.mocap_pos[0, 0] = between + np.array([0.5, 0.25, -0.1])
    lanes.derived.clear()

    np.testing.assert_allclose(RAPTOR.target.seen(lanes)[0], (0.5, 0.25, -0.1), atol=1e-9)


@pytest.mark.parametrize("name", sorted(BODY.rewards))
def test_every_weight_changes_the_reward(name: str) -> None:
    weights = {**dict.fromkeys(BODY.rewards, 0.0), name: 1.0}
    settings = {**training(SPECIES, 3), **weights, "goal_reach_m": 0.5, "hunt_gives_up": True}
    lanes = Lanes(BODY, settings, 8)
    for lane in range(8):
        lanes.seed(lane, lane)
    lanes.begin(range(8))
    rng, paid = np.random.default_rng(0), 0.0
    for step in range(80):
        if step == 20:  # bring the prey to the claws, else no strike would be seen
            put_prey(lanes, lanes.sensor("left_claw_tip"))
        if step in (30, 35):  # run past one (a miss), then up to one (a waypoint)
            apart = 0.01 if step == 30 else 0.51
            put_prey(lanes, lanes.qpos[:, :3] + np.array([apart, 0.0, 0.5]))
            lanes.qvel[:, :2] = (2.0, 0.0)
        size = 0.3 if step < 40 else 1.0  # at last somebody must fall
        stepped = lanes.step(rng.uniform(-size, size, (8, 22)))
        paid += float(np.abs(stepped.reward).sum())
        lanes.begin(stepped.episodes)

    assert paid > 0
