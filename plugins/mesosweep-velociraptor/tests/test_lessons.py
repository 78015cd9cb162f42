"""The three lessons ask for what they say: pushes that a statue fails, a goal, an honest strike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from mesosweep.domain.score import Score
from mesosweep.envs.batch import Lanes
from mesosweep.envs.ground import open_ground
from mesosweep_velociraptor import SPECIES
from mesosweep_velociraptor.body import BODY
from mesosweep_velociraptor.measure import (
    FIRST_SEED,
    POLICIES,
    measure,
    open_reference,
    reference,
    stage,
    zero,
)
from mesosweep_velociraptor.settings import SETTINGS, TASK_KEYS

STAGES = (1, 2, 3)


def play_zero(settings: Mapping[str, Any], episodes: int) -> Score:
    ground = open_ground(SPECIES, reference=settings, training=settings)
    return Score.of(ground.play(zero, range(episodes)))


# ── stage 1 ──────────────────────────────────────────────────────────────────


def test_an_unpushed_statue_stands() -> None:
    calm = {**reference(1), "push_min_n_s": 0.0, "push_max_n_s": 0.0}

    assert play_zero(calm, 60).full_length_rate >= 0.85


def test_a_pushed_statue_falls_at_least_every_other_time() -> None:
    assert play_zero(reference(1), 60).full_length_rate <= 0.5


def test_a_push_is_a_jump_of_speed_within_the_set_impulse() -> None:
    always = {"push_interval_min_s": 0.0, "push_interval_max_s": 0.0}
    lanes = Lanes(BODY, {**reference(1), **always}, 64)
    lanes.begin(range(64))
    rested = lanes.qvel[:, :2].copy()

    disturb = BODY.disturb
    assert disturb is not None
    for lane in range(64):
        disturb(lanes, lane, lanes.rngs[lane])

    impulse = np.linalg.norm(lanes.qvel[:, :2] - rested, axis=1) * 13.31
    assert (impulse >= reference(1)["push_min_n_s"]).all()
    assert (impulse <= reference(1)["push_max_n_s"]).all()
    assert (lanes.memory["pushes"] == 1).all()


# ── stage 2 ──────────────────────────────────────────────────────────────────


def test_a_reached_goal_moves_on() -> None:
    lanes = Lanes(BODY, reference(2), 2)
    lanes.begin([0, 1])
    lanes.mocap_pos[0, 0, :2] = lanes.qpos[0, :2] + np.array([0.5, 0.0])

    lanes.step(np.zeros((2, 22)))

    assert lanes.memory["goal_distance"][0, 0] > reference(2)["goal_min_m"] - 0.2


def test_speed_is_counted_over_the_full_episode() -> None:
    assert BODY.metrics["forward_velocity"].over == "per_horizon"


# ── stage 3 ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("apart", [0.0, 1.5])
def test_a_strike_needs_a_claw_at_the_prey(apart: float) -> None:
    lanes = Lanes(BODY, reference(3), 1)
    lanes.begin([0])
    claw = lanes.sensor("left_claw_tip")[0]
    lanes.mocap_pos[0, 0] = claw + np.array([apart + 0.22, 0.0, 0.0])

    stepped = lanes.step(np.zeros((1, 22)))

    assert bool(lanes.success[0]) is (apart == 0.0)
    assert (stepped.episodes[0].reason == "success") if apart == 0.0 else not stepped.episodes


def test_a_statue_strikes_nothing() -> None:
    assert play_zero(reference(3), 40).success_rate == 0.0


def test_random_action_strikes_nothing() -> None:
    assert measure(open_reference(3), POLICIES["random"](), 60).success_rate == 0.0


def test_a_strike_pays_more_than_any_life_without_one() -> None:
    """A strike ends the episode and with it the stream of rewards, so it must outweigh it."""
    settings, gamma = reference(3), stage(3)["ppo"]["gamma"]
    lasting = ("alive_bonus", "forward_vel_weight", "heading_weight", "gait_weight")
    # One foot at most swings at a time when it lasts; potentials pay for what is left of the way.
    stream = sum(settings[name] for name in lasting) + settings["clearance_weight"]

    assert settings["strike_bonus"] > stream / (1 - gamma)


def test_waiting_near_the_prey_pays_nothing() -> None:
    lanes = Lanes(BODY, reference(3), 1)
    lanes.begin([0])
    for _ in range(100):
        lanes.step(np.zeros((1, 22)))
        paid = [BODY.rewards[f"strike_{term}_weight"](lanes) for term in ("approach", "proximity")]

    np.testing.assert_allclose(paid, 0, atol=0.02)


# ── settings ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", STAGES)
def test_a_stage_sets_every_setting_and_no_other(number: int) -> None:
    assert set(reference(number)) == set(SETTINGS)


@pytest.mark.parametrize("name", sorted(BODY.rewards))
def test_every_weight_changes_the_reward(name: str) -> None:
    settings = {**reference(3), **dict.fromkeys(BODY.rewards, 0.0), name: 1.0}
    lanes = Lanes(BODY, settings, 8)
    for lane in range(8):
        lanes.seed(lane, lane)
    lanes.begin(range(8))
    rng, paid = np.random.default_rng(0), 0.0
    for step in range(80):
        if step == 20:  # bring the prey to the claws, else no strike would be seen
            lanes.mocap_pos[:, 0] = lanes.sensor("left_claw_tip") + np.array([0.22, 0.0, 0.0])
        size = 0.3 if step < 40 else 1.0  # at last somebody must fall
        stepped = lanes.step(rng.uniform(-size, size, (8, 22)))
        paid += float(np.abs(stepped.reward).sum())
        lanes.begin(stepped.episodes)

    assert paid > 0


def test_what_is_the_task_is_not_for_sale() -> None:
    assert set(SETTINGS) >= TASK_KEYS
    assert not TASK_KEYS & set(BODY.rewards)


def test_the_task_word_reaches_bonus_approach_and_proximity() -> None:
    words = (f"{SPECIES.task}_{term}" for term in ("bonus", "approach_weight", "proximity_weight"))

    assert set(words) <= set(BODY.rewards)


# ── gates ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", STAGES)
def test_doing_nothing_useful_passes_no_gate(number: int) -> None:
    gate = stage(number)["curriculum"]["gate"]
    measured = {
        "min_avg_reward": lambda b: b.mean_reward,
        "min_avg_episode_length": lambda b: b.mean_length,
        "min_avg_forward_vel": lambda b: b.metrics["forward_velocity"],
        "min_success_rate": lambda b: b.success_rate,
    }

    assert {row.policy for row in SPECIES.baselines[number]} == set(POLICIES)
    for row in SPECIES.baselines[number]:
        assert row.episodes >= 100
        assert any(measured[name](row) < least for name, least in gate.items())
        if "min_avg_reward" in gate:
            assert row.mean_reward < gate["min_avg_reward"]


@pytest.mark.parametrize("number", STAGES)
@pytest.mark.parametrize("policy", ["zero", "random"])
def test_the_baselines_still_hold(number: int, policy: str) -> None:
    row = next(row for row in SPECIES.baselines[number] if row.policy == policy)

    score = measure(open_reference(number), POLICIES[policy](), 50)

    # The first 50 of the very episodes that were measured; five standard errors for what is left.
    spread = 5 * max(row.std_reward, 1.0) / np.sqrt(50)
    assert score.mean_reward == pytest.approx(row.mean_reward, abs=spread)
    assert FIRST_SEED > 2**22
