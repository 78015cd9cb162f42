"""The lessons ask for what they say: a goal that moves on, a prey out of reach, an honest bite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from mesosweep.envs.batch import Lanes
from mesosweep.testing.baselines import measure, open_reference, reference, training
from mesosweep_trex import SPECIES
from mesosweep_trex.body import BODY, TREX
from mesosweep_trex.plant import JAWS, SERVOS

PREY_M = 0.25
STILL = np.zeros((1, len(SERVOS.names)))


def begun(settings: Mapping[str, Any], n: int = 1) -> Lanes:
    lanes = Lanes(BODY, settings, n)
    for lane in range(n):
        lanes.seed(lane, lane)
    lanes.begin(range(n))
    return lanes


def put_prey(lanes: Lanes, at: Any) -> None:
    """Move the prey as if it had been there before the step: nobody has bitten it yet."""
    lanes.derived.clear()
    TREX.due(lanes)
    lanes.mocap_pos[:, 0] = at


def test_a_reached_goal_moves_on() -> None:
    lanes = begun(reference(SPECIES, 2))
    put_prey(lanes, lanes.qpos[0, :3] + np.array([0.5, 0.0, 0.0]))

    lanes.step(STILL)
    lanes.step(STILL)

    assert lanes.memory["goal_distance"][0, 0] > reference(SPECIES, 2)["goal_min_m"] - 0.2


# ── the prey ─────────────────────────────────────────────────────────────────


def test_the_prey_is_the_one_that_was_agreed_on() -> None:
    away = begun(reference(SPECIES, 3), 300).mocap_pos[:, 0]

    assert (away[:, 2] == 0.5).all()
    assert ((away[:, 0] >= 2.0) & (away[:, 0] <= 6.0)).all()
    assert away[:, 0].min() < 2.2
    assert away[:, 0].max() > 5.8
    assert 1.4 < np.abs(away[:, 1]).max() <= 1.5


def test_the_nearest_prey_is_a_step_away_from_one_who_stands() -> None:
    lanes = begun(reference(SPECIES, 3), 300)
    mouth = lanes.sensor("mouth")

    assert np.linalg.norm(lanes.mocap_pos[:, 0] - mouth, axis=1).min() > 2 * PREY_M + 0.5


def test_the_jaws_reach_down_to_the_prey_without_a_crouch() -> None:
    lanes = begun(reference(SPECIES, 3))
    bow = STILL.copy()
    for step in range(150):
        bow[0, SERVOS.names.index("neck_pitch")] = -min(1.0, step / 75)
        assert not lanes.step(bow).episodes

    assert lanes.sensor("mouth")[0, 2] < reference(SPECIES, 3)["target_high_m"] + PREY_M


def test_the_mouth_sees_where_its_prey_is() -> None:
    lanes = begun(reference(SPECIES, 3))
    lanes.mocap_pos[0, 0] = lanes.sensor("mouth")[0] + np.array([1.0, 0.5, -0.5])
    lanes.derived.clear()

    np.testing.assert_allclose(JAWS.seen(lanes)[0], (1.0, 0.5, -0.5), atol=1e-9)


# ── the bite ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ahead", "above", "is_bitten"),
    [
        pytest.param(0.27, 0.0, True, id="in front of the open mouth"),
        pytest.param(0.0, -0.34, True, id="under the front of the jaw"),
        pytest.param(0.4, 0.0, False, id="a hand's breadth away"),
        pytest.param(-0.4, -0.1, False, id="at the throat, which does not bite"),
        pytest.param(-0.2, 0.45, False, id="over the snout, not touched"),
    ],
)
def test_a_bite_needs_the_mouth_at_the_prey(ahead: float, above: float, is_bitten: bool) -> None:
    lanes = begun(reference(SPECIES, 3))
    put_prey(lanes, lanes.sensor("mouth")[0] + np.array([ahead, 0.0, above]))

    stepped = lanes.step(STILL)

    assert bool(lanes.success[0]) is is_bitten
    assert (stepped.episodes[0].reason == "success") if is_bitten else not stepped.episodes


def test_feet_and_trunk_pass_through_the_prey() -> None:
    lanes = begun(reference(SPECIES, 3))
    for part in ("left_pad", "left_knee", "tail_tip"):
        put_prey(lanes, lanes.sensor(part)[0])

        assert not lanes.step(STILL).episodes


def test_who_falls_while_biting_has_not_bitten() -> None:
    lanes = begun({**reference(SPECIES, 3), "healthy_min_m": 5.0, "healthy_max_m": 6.0})
    put_prey(lanes, lanes.sensor("mouth")[0] + np.array([0.27, 0.0, 0.0]))

    stepped = lanes.step(STILL)

    assert stepped.episodes[0].reason == "fallen"
    assert stepped.episodes[0].success is False


def test_random_action_bites_nothing() -> None:
    assert measure(open_reference(SPECIES, 3), "random", episodes=60).success_rate == 0.0


def test_in_training_a_bite_is_paid_and_the_hunt_goes_on() -> None:
    lanes = begun(training(SPECIES, 3))
    put_prey(lanes, lanes.sensor("mouth")[0] + np.array([0.27, 0.0, 0.0]))

    stepped = lanes.step(STILL)

    assert not stepped.episodes
    assert stepped.reward[0] > training(SPECIES, 3)["bite_bonus"] - 10
    lanes.step(STILL)
    assert lanes.memory["goal_distance"][0, 0] > training(SPECIES, 3)["goal_min_m"] - 0.2


# ── weights ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(BODY.rewards))
def test_every_weight_changes_the_reward(name: str) -> None:
    weights = {**dict.fromkeys(BODY.rewards, 0.0), name: 1.0}
    lanes = begun({**training(SPECIES, 3), **weights, "goal_reach_m": 0.5}, 8)
    rng, paid = np.random.default_rng(0), 0.0
    for step in range(80):
        if step == 20:  # bring the prey to the mouth, else no bite would be seen
            put_prey(lanes, lanes.sensor("mouth") + np.array([0.27, 0.0, 0.0]))
        if step in (30, 35):  # run past one (a miss), then up to one (a waypoint)
            apart = 0.01 if step == 30 else 0.51
            put_prey(lanes, lanes.qpos[:, :3] + np.array([apart, 0.0, 0.5]))
            lanes.qvel[:, :2] = (2.0, 0.0)
        size = 0.3 if step < 40 else 1.0  # at last somebody must fall
        stepped = lanes.step(rng.uniform(-size, size, (8, len(SERVOS.names))))
        paid += float(np.abs(stepped.reward).sum())
        lanes.begin(stepped.episodes)

    assert paid > 0
