"""What the animal is paid for: one unweighted term per setting, (n,) per control step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mesosweep.api import Array, Batch
from mesosweep_velociraptor import view
from mesosweep_velociraptor.episode import closing

NATURAL_NOSE_DOWN = 0.06
"""Sine of the pitch at which the animal stands by itself."""
SWING_HEIGHT_M = 0.08


def alive(batch: Batch) -> Array:
    return np.where(batch.failed, 0.0, 1.0)


def fall(batch: Batch) -> Array:
    return batch.failed.astype(np.float64)


def forward(batch: Batch) -> Array:
    """Speed towards the goal, saturating at ± `forward_vel_max`."""
    found: Array = np.clip(view.goal_speed(batch) / batch.settings["forward_vel_max"], -1.0, 1.0)
    return found


def posture(batch: Batch) -> Array:
    found: Array = -(np.minimum(view.tilt(batch) / 0.8, 1.0) ** 2)
    return found


def nosedive(batch: Batch) -> Array:
    found: Array = -np.maximum(view.nose_down(batch) - NATURAL_NOSE_DOWN, 0.0)
    return found


def energy(batch: Batch) -> Array:
    found: Array = -np.mean(batch.action**2, axis=1)
    return found


def smoothness(batch: Batch) -> Array:
    found: Array = -np.mean((batch.action - batch.previous_action) ** 2, axis=1)
    return found


def heading(batch: Batch) -> Array:
    return view.bearing(batch)[0]


def lateral(batch: Batch) -> Array:
    ahead, left = view.facing(batch)
    sideways = batch.qvel[:, 1] * ahead - batch.qvel[:, 0] * left
    return -np.minimum(np.abs(sideways), 1.0)


def spin(batch: Batch) -> Array:
    return -np.minimum(np.abs(batch.qvel[:, 5]) / 3.0, 1.0)


def drift(batch: Batch) -> Array:
    """Distance from where the episode began, saturating at 2 m."""
    gone = np.hypot(batch.qpos[:, 0], batch.qpos[:, 1])
    return -(np.minimum(gone / 2.0, 1.0) ** 2)


def speed(batch: Batch) -> Array:
    return -np.minimum(np.hypot(batch.qvel[:, 0], batch.qvel[:, 1]), 1.0)


def tail(batch: Batch) -> Array:
    """How much the tail whips: mean speed of its six hinges, saturating at 10 rad/s."""
    found: Array = -np.minimum(np.abs(batch.qvel[:, 6:12]).mean(axis=1) / 10.0, 1.0)
    return found


def gait(batch: Batch) -> Array:
    """+1 for each foot that stands or swings as the clock asks, -1 for one that does not."""
    wanted = view.phase(batch) < batch.settings["gait_duty"]
    found: Array = np.where(view.standing_on(batch) == wanted, 1.0, -1.0).mean(axis=1)
    return found


def clearance(batch: Batch) -> Array:
    """How high the feet are lifted while the clock has them swing."""
    swings = view.phase(batch) >= batch.settings["gait_duty"]
    lifted = np.clip(view.foot_height(batch) / SWING_HEIGHT_M, 0.0, 1.0)
    found: Array = (swings * lifted).sum(axis=1)
    return found


def strike(batch: Batch) -> Array:
    return batch.success.astype(np.float64)


def strike_approach(batch: Batch) -> Array:
    """How fast the prey comes nearer, saturating at ± 3 m/s; a potential, so circling pays nothing."""
    found: Array = np.clip(closing(batch) / 3.0, -1.0, 1.0) * bool(batch.settings["task"])
    return found


def strike_proximity(batch: Batch) -> Array:
    """How fast the nearer claw comes nearer within 1 m of the prey, in units of 3 m/s.

    The difference of a potential: waiting near the prey pays nothing.
    """
    claw = np.minimum(batch.memory["claw_distance"][:, :2], 1.0)
    change = (claw[:, 1] - claw[:, 0]) / (3.0 * batch.dt)
    return np.clip(change, -2.0, 2.0) * bool(batch.settings["task"])


REWARDS: Mapping[str, Callable[[Batch], Array]] = {
    "alive_bonus": alive,
    "fall_penalty": fall,
    "forward_vel_weight": forward,
    "posture_weight": posture,
    "nosedive_weight": nosedive,
    "energy_penalty_weight": energy,
    "smoothness_weight": smoothness,
    "heading_weight": heading,
    "lateral_weight": lateral,
    "spin_weight": spin,
    "drift_weight": drift,
    "speed_penalty_weight": speed,
    "tail_weight": tail,
    "gait_weight": gait,
    "clearance_weight": clearance,
    "strike_bonus": strike,
    "strike_approach_weight": strike_approach,
    "strike_proximity_weight": strike_proximity,
}
"""Setting → term. A term that measures something unwanted is negative, so weights are not."""
