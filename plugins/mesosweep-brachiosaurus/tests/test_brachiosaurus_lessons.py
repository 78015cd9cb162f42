"""The lessons ask for what they say: a trot towards a goal, food that is earned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mesosweep.envs.batch import Lanes
from mesosweep.testing.baselines import reference, training
from mesosweep_brachiosaurus import SPECIES
from mesosweep_brachiosaurus.body import BODY, WALKER
from mesosweep_brachiosaurus.plant import FEET, HOME_TIP_M, LEGS

NOTHING = np.zeros((1, 19))


def begun(number: int, n: int = 1, **changed: Any) -> Lanes:
    lanes = Lanes(BODY, {**reference(SPECIES, number), **changed}, n)
    for lane in range(n):
        lanes.seed(lane, lane)
    lanes.begin(range(n))
    return lanes


# ── stage 2 ──────────────────────────────────────────────────────────────────


def test_the_clock_asks_diagonal_feet_to_step_together() -> None:
    lanes = begun(2, 8)
    front_left, front_right, hind_left, hind_right = FEET.phase(lanes).T

    np.testing.assert_allclose(front_left, hind_right)
    np.testing.assert_allclose(front_right, hind_left)
    np.testing.assert_allclose((front_left + 0.5) % 1.0, front_right)


def test_a_reached_goal_moves_on() -> None:
    lanes = begun(2)
    lanes.mocap_pos[0, 0, :2] = lanes.qpos[0, :2] + np.array([0.5, 0.0])
    lanes.derived.clear()

    lanes.step(NOTHING)

    assert lanes.memory["goal_distance"][0, 0] > reference(SPECIES, 2)["goal_min_m"] - 0.2


def test_speed_is_counted_over_the_full_episode() -> None:
    assert BODY.metrics["forward_velocity"].over == "per_horizon"


# ── stage 3 ──────────────────────────────────────────────────────────────────


def test_food_never_hangs_where_the_head_is_at_home() -> None:
    lanes = begun(3, 200)
    home = lanes.qpos[:, :3] * (1, 1, 0) + np.array(HOME_TIP_M)
    away = np.linalg.norm(lanes.mocap_pos[:, 0] - home, axis=1)

    assert away.min() >= WALKER.target.clear_m > 2 * reference(SPECIES, 3)["target_radius_m"]
    assert away.min() < WALKER.target.clear_m + 0.1


@pytest.mark.parametrize("apart", [0.4, 0.6])
def test_food_is_reached_with_the_tip_of_the_head(apart: float) -> None:
    lanes = begun(3)
    lanes.mocap_pos[0, 0] = lanes.sensor("head_tip")[0] + np.array([0.0, apart, 0.0])
    lanes.derived.clear()

    stepped = lanes.step(NOTHING)

    assert bool(lanes.success[0]) is (apart < reference(SPECIES, 3)["target_radius_m"])
    assert [e.reason for e in stepped.episodes.values()] == ["success"] * int(lanes.success[0])


def test_the_head_sees_its_food_in_its_own_directions() -> None:
    lanes = begun(3)
    lanes.qpos[0, 3:7] = (np.cos(np.pi / 4), 0.0, 0.0, np.sin(np.pi / 4))  # faces +Y
    lanes.mocap_pos[0, 0] = lanes.sensor("head_tip")[0] + np.array([1.0, 2.0, 0.5])
    lanes.derived.clear()

    np.testing.assert_allclose(WALKER.target.seen(lanes)[0], (2.0, -1.0, 0.5), atol=1e-9)


def test_the_neck_reaches_the_highest_food() -> None:
    """Standing, with the head as high as its servos are ever told to hold it."""
    lanes = begun(3, start_noise_rad=0.0, start_noise_rad_s=0.0)
    raise_neck = np.zeros((1, 19))
    raise_neck[0, 13:17] = 1.0
    for _ in range(150):
        lanes.step(raise_neck)

    reach = lanes.sensor("head_tip")[0, 2] + reference(SPECIES, 3)["target_radius_m"]
    assert lanes.steps[0] == 150
    assert reach > reference(SPECIES, 3)["target_high_m"] + 0.05


def test_in_training_food_appears_anew_and_the_walk_goes_on() -> None:
    lanes = begun(3, **training(SPECIES, 3))
    lanes.mocap_pos[0, 0] = lanes.sensor("head_tip")[0] + np.array([0.53, 0.0, 0.0])
    lanes.qvel[0, 0] = 3.0
    lanes.derived.clear()

    first = lanes.step(NOTHING)
    lanes.step(NOTHING)

    assert not first.episodes
    assert first.reward[0] > 100
    assert lanes.memory["tip_distance"][0, 0] > 1.0


# ── settings ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(BODY.rewards))
def test_every_weight_changes_the_reward(name: str) -> None:
    hunt = {"hunt": True} if name == "food_miss_penalty" else {"goal_reach_m": 0.05}
    weights = {**dict.fromkeys(BODY.rewards, 0.0), name: 1.0}
    lanes = begun(3, 8, **weights, **hunt)
    rng, paid = np.random.default_rng(0), 0.0
    for step in range(40):
        if step == 10:  # the head comes upon its food, but for a hair
            lanes.mocap_pos[:4, 0] = lanes.sensor("head_tip")[:4] + np.array([0.53, 0.0, 0.0])
            # the root passes it, but for a hair
            lanes.mocap_pos[4:, 0] = lanes.qpos[4:, :3] + np.array([0.08, 0.0, 2.0])
            lanes.qvel[:, 0] += 5.0
            lanes.derived.clear()
        if step == 15:  # somebody must fall
            lanes.qvel[:, 1] += 6.0
        stepped = lanes.step(rng.uniform(-0.5, 0.5, (8, 19)))
        paid += float(np.abs(stepped.reward).sum())
        lanes.begin(stepped.episodes)

    assert paid > 0


# ── left and right ───────────────────────────────────────────────────────────


def test_every_leg_has_its_twin_in_the_mirror() -> None:
    mirror, names = BODY.mirror, list(BODY.observation_names)
    assert mirror is not None

    def twin(name: str) -> tuple[str, float]:
        i = names.index(name)
        return names[mirror.observation_source[i]], mirror.observation_sign[i]

    for leg in LEGS:
        other = leg.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right")
        assert twin(f"angle_{leg}_hip_roll") == (f"angle_{other}_hip_roll", 1.0)
        assert twin(f"{leg}_stands") == (f"{other}_stands", 1.0)
    assert twin("angle_neck1_yaw") == ("angle_neck1_yaw", -1.0)
    assert twin("target_left") == ("target_left", -1.0)
    assert twin("target_up") == ("target_up", 1.0)
    assert twin("clock_sine") == ("clock_sine", -1.0)
