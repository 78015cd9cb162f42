"""What animals that walk are paid and charged for, when they are down, what they are measured by."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mesosweep.ports import Array, Batch, Mask, Metric
from mesosweep.terms import frames, goal

# ── what is paid or charged for, as quantities, (n,) ─────────────────────────


def alive(batch: Batch) -> Array:
    """Return 1 in every step that ends in no fall."""
    left: Array = 1.0 - batch.failed
    return left


def fall(batch: Batch) -> Array:
    """Return 1 in the step that ends the episode by a fall."""
    return batch.failed.astype(np.float64)


def heading(batch: Batch) -> Array:
    """Return the cosine of the angle between where the animal faces and the goal."""
    return goal.bearing(batch)[0]


def waypoint(batch: Batch) -> Array:
    """Return 1 in the step in which the goal is reached: nearer than `goal_reach_m`."""
    return (goal.reached(batch) & ~batch.failed).astype(np.float64)


def lean(batch: Batch) -> Array:
    """Return the squared tilt, rad²: gentle near upright."""
    tilt = frames.tilt(batch)
    return tilt * tilt


def sideways(batch: Batch) -> Array:
    """Return the speed at right angles to where the animal faces, m/s."""
    ahead, moves = frames.facing(batch), batch.qvel
    return np.abs(moves[:, 1] * ahead[:, 0] - moves[:, 0] * ahead[:, 1])


def spin(batch: Batch) -> Array:
    """Return how fast the animal turns about its own vertical, rad/s."""
    return np.abs(batch.qvel[:, 5])


def drift(batch: Batch) -> Array:
    """Return the squared distance from where the episode began, m²."""
    away = batch.qpos[:, :2]
    found: Array = np.vecdot(away, away)
    return found


def effort(batch: Batch) -> Array:
    """Return the sum of the squares of the action."""
    found: Array = np.vecdot(batch.action, batch.action)
    return found


def jerk(batch: Batch) -> Array:
    """Return the sum of the squares of the change of action."""
    change = batch.action - batch.previous_action
    found: Array = np.vecdot(change, change)
    return found


# ── when it is down ──────────────────────────────────────────────────────────


def fallen(batch: Batch) -> Mask:
    """Return whether the root is lower or higher than an animal on its feet has it, (n,)."""
    height, settings = batch.qpos[:, 2], batch.settings
    found: Mask = (height < settings["healthy_min_m"]) | (height > settings["healthy_max_m"])
    return found


def tilted(batch: Batch) -> Mask:
    """Return whether the root leans by more than `max_tilt_rad`, (n,)."""
    found: Mask = frames.upright(batch) < math.cos(batch.settings["max_tilt_rad"])
    return found


# ── what it is measured by ───────────────────────────────────────────────────

METRICS: Mapping[str, Metric] = {
    "forward_velocity": Metric(
        "speed towards the goal, over the time of a full episode",
        "m/s",
        goal.speed,
        over="per_horizon",
    ),
    "speed": Metric("horizontal speed of the root while alive", "m/s", frames.speed),
    "drift": Metric("distance from the start at the end", "m", frames.gone, over="last"),
    "tilt": Metric("angle of the root to upright", "rad", frames.tilt),
    "off_course": Metric("angle between body and goal", "rad", goal.off_course),
    "pushes": Metric(
        "pushes received", "1", lambda batch: batch.memory["pushes"][:, 0], over="last"
    ),
}
