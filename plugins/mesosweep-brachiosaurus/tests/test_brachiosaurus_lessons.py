"""The three lessons ask for what they say: pushes that a statue fails, a goal, food that is earned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from mesosweep.domain.score import Score
from mesosweep.envs.batch import Lanes
from mesosweep.envs.ground import open_ground, zero_policy
from mesosweep_brachiosaurus import SPECIES
from mesosweep_brachiosaurus.body import BODY, WALKER, food_from_head
from mesosweep_brachiosaurus.measure import (
    FIRST_SEED,
    POLICIES,
    measure,
    open_reference,
    reference,
    stage,
)
from mesosweep_brachiosaurus.plant import FEET, HOME_TIP_M, LEGS, MASS_KG
from mesosweep_brachiosaurus.settings import SETTINGS, TASK_KEYS

STAGES = (1, 2, 3)
NOTHING = np.zeros((1, 19))


def play_zero(settings: Mapping[str, Any], episodes: int) -> Score:
    ground = open_ground(SPECIES, reference=settings, training=settings)
    return Score.of(ground.play(zero_policy(ground), range(episodes)))


def begun(number: int, n: int = 1, **changed: Any) -> Lanes:
    lanes = Lanes(BODY, {**reference(number), **changed}, n)
    for lane in range(n):
        lanes.seed(lane, lane)
    lanes.begin(range(n))
    return lanes


# ── stage 1 ──────────────────────────────────────────────────────────────────


def test_an_unpushed_statue_stands() -> None:
    calm = {**reference(1), "push_min_n_s": 0.0, "push_max_n_s": 0.0}

    assert play_zero(calm, 20).full_length_rate == 1.0


def test_a_pushed_statue_falls_at_least_every_other_time() -> None:
    assert play_zero(reference(1), 60).full_length_rate <= 0.5


def test_a_push_is_a_jump_of_speed_within_the_set_impulse() -> None:
    lanes = begun(1, 64, push_interval_min_s=0.0, push_interval_max_s=0.0)
    rested = lanes.qvel[:, :2].copy()

    disturb = BODY.disturb
    assert disturb is not None
    for lane in range(64):
        disturb(lanes, lane, lanes.rngs[lane])

    impulse = np.linalg.norm(lanes.qvel[:, :2] - rested, axis=1) * MASS_KG
    assert (impulse >= reference(1)["push_min_n_s"]).all()
    assert (impulse <= reference(1)["push_max_n_s"]).all()


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

    assert lanes.memory["goal_distance"][0, 0] > reference(2)["goal_min_m"] - 0.2


def test_speed_is_counted_over_the_full_episode() -> None:
    assert BODY.metrics["forward_velocity"].over == "per_horizon"


# ── stage 3 ──────────────────────────────────────────────────────────────────


def test_food_never_hangs_where_the_head_is_at_home() -> None:
    lanes = begun(3, 200)
    home = lanes.qpos[:, :3] * (1, 1, 0) + np.array(HOME_TIP_M)
    away = np.linalg.norm(lanes.mocap_pos[:, 0] - home, axis=1)

    assert away.min() >= WALKER.target.clear_m > 2 * reference(3)["target_radius_m"]
    assert away.min() < WALKER.target.clear_m + 0.1


@pytest.mark.parametrize("apart", [0.4, 0.6])
def test_food_is_reached_with_the_tip_of_the_head(apart: float) -> None:
    lanes = begun(3)
    lanes.mocap_pos[0, 0] = lanes.sensor("head_tip")[0] + np.array([0.0, apart, 0.0])
    lanes.derived.clear()

    stepped = lanes.step(NOTHING)

    assert bool(lanes.success[0]) is (apart < reference(3)["target_radius_m"])
    assert [e.reason for e in stepped.episodes.values()] == ["success"] * int(lanes.success[0])


def test_the_head_sees_its_food_in_its_own_directions() -> None:
    lanes = begun(3)
    lanes.qpos[0, 3:7] = (np.cos(np.pi / 4), 0.0, 0.0, np.sin(np.pi / 4))  # faces +Y
    lanes.mocap_pos[0, 0] = lanes.sensor("head_tip")[0] + np.array([1.0, 2.0, 0.5])
    lanes.derived.clear()

    np.testing.assert_allclose(food_from_head(lanes)[0], (2.0, -1.0, 0.5), atol=1e-9)


def test_a_statue_reaches_no_food() -> None:
    assert play_zero(reference(3), 60).success_rate == 0.0


def test_the_neck_reaches_the_highest_food() -> None:
    """Standing, with the head as high as its servos are ever told to hold it."""
    lanes = begun(3, start_noise_rad=0.0, start_noise_rad_s=0.0)
    raise_neck = np.zeros((1, 19))
    raise_neck[0, 13:17] = 1.0
    for _ in range(150):
        lanes.step(raise_neck)

    reach = lanes.sensor("head_tip")[0, 2] + reference(3)["target_radius_m"]
    assert lanes.steps[0] == 150
    assert reach > reference(3)["target_high_m"] + 0.05


def test_food_pays_more_than_any_life_without_it() -> None:
    """Reaching food ends the episode and with it the stream of rewards, so it must outweigh it.

    Not only discounted, so that it is wanted, but in sum, so that the best mean reward of a
    policy that is judged on the reference is the most food.
    """
    settings = reference(3)
    lasting = ("alive_bonus", "forward_vel_weight", "heading_weight", "gait_weight")
    # Two feet at most swing at a time when it lasts; potentials pay for what is left of the way.
    stream = sum(settings[name] for name in lasting) + 2 * settings["clearance_weight"]

    assert settings["food_bonus"] > stream * settings["horizon_s"] * 50


def test_waiting_near_the_food_pays_nothing() -> None:
    lanes = begun(3)
    for _ in range(100):
        lanes.step(NOTHING)
        paid = [BODY.rewards[f"food_{term}_weight"](lanes) for term in ("approach", "proximity")]

    np.testing.assert_allclose(paid, 0, atol=0.02)


def test_in_training_food_appears_anew_and_the_walk_goes_on() -> None:
    lanes = begun(3, **stage(3)["env"]["train"])
    lanes.mocap_pos[0, 0] = lanes.sensor("head_tip")[0] + np.array([0.53, 0.0, 0.0])
    lanes.qvel[0, 0] = 3.0
    lanes.derived.clear()

    first = lanes.step(NOTHING)
    lanes.step(NOTHING)

    assert not first.episodes
    assert first.reward[0] > 100
    assert lanes.memory["tip_distance"][0, 0] > 1.0


# ── settings ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", STAGES)
def test_a_stage_sets_every_setting_and_no_other(number: int) -> None:
    assert set(reference(number)) == set(SETTINGS)


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


def test_what_is_the_task_is_not_for_sale() -> None:
    assert set(SETTINGS) >= TASK_KEYS
    assert not TASK_KEYS & set(BODY.rewards)


def test_the_task_word_reaches_bonus_approach_and_proximity() -> None:
    words = (f"{SPECIES.task}_{term}" for term in ("bonus", "approach_weight", "proximity_weight"))

    assert set(words) <= set(BODY.rewards)


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
    assert twin("food_left") == ("food_left", -1.0)
    assert twin("food_up") == ("food_up", 1.0)
    assert twin("clock_sine") == ("clock_sine", -1.0)


# ── gates ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", STAGES)
def test_doing_nothing_useful_passes_no_gate(number: int) -> None:
    gate = stage(number)["curriculum"]["gate"]
    measured = {
        "min_avg_episode_length": lambda b: b.mean_length,
        "min_avg_forward_vel": lambda b: b.metrics["forward_velocity"],
        "min_success_rate": lambda b: b.success_rate,
    }

    assert {row.policy for row in SPECIES.baselines[number]} == set(POLICIES)
    for row in SPECIES.baselines[number]:
        assert row.episodes >= 100
        assert any(measured[name](row) < 0.9 * least for name, least in gate.items())


@pytest.mark.parametrize("number", STAGES)
@pytest.mark.parametrize("policy", ["zero", "random"])
def test_the_baselines_still_hold(number: int, policy: str) -> None:
    row = next(row for row in SPECIES.baselines[number] if row.policy == policy)
    ground = open_reference(number)

    score = measure(ground, POLICIES[policy](ground), 30)

    # The first 30 of the very episodes that were measured; five standard errors for what is left.
    spread = 5 * max(row.std_reward, 1.0) / np.sqrt(30)
    assert score.mean_reward == pytest.approx(row.mean_reward, abs=spread)
    assert FIRST_SEED > 2**22
