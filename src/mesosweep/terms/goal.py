"""Where the animal is to go: the first mocap body, be it a point to walk to or a prey."""

from __future__ import annotations

import math

import numpy as np

from mesosweep.ports import Array, Batch, Mask, Rng
from mesosweep.terms import frames
from mesosweep.terms.sharing import once

MEMORY = {"goal_distance": 2}  # now, and one step before; metres


@once
def _offset(batch: Batch) -> tuple[Array, Array]:
    gap = batch.mocap_pos[:, 0, :2] - batch.qpos[:, :2]
    distance: Array = np.hypot(gap[:, 0], gap[:, 1])
    return gap / np.maximum(distance, 1e-9)[:, None], distance


def direction(batch: Batch) -> Array:
    """Return the horizontal direction from the root to the goal, unit vectors (n, 2)."""
    return _offset(batch)[0]


def distance(batch: Batch) -> Array:
    """Return the horizontal distance from the root to the goal, metres, (n,)."""
    return _offset(batch)[1]


@once
def bearing(batch: Batch) -> tuple[Array, Array]:
    """Return the goal's direction as the animal sees it: how far ahead, how far left, two (n,).

    Cosine and sine of one angle: (1, 0) straight ahead, (0, 1) to the left.
    """
    ahead, towards = frames.facing(batch), direction(batch)
    left = ahead[:, 0] * towards[:, 1] - ahead[:, 1] * towards[:, 0]
    return np.vecdot(ahead, towards), left


@once
def speed(batch: Batch) -> Array:
    """Return the root's speed towards the goal, m/s, (n,)."""
    found: Array = np.vecdot(batch.qvel[:, :2], direction(batch))
    return found


def off_course(batch: Batch) -> Array:
    """Return the angle between where the animal faces and the goal, radians in [0, π], (n,)."""
    ahead, left = bearing(batch)
    found: Array = np.abs(np.arctan2(left, ahead))
    return found


@once
def reached(batch: Batch) -> Mask:
    """Return whether the goal is nearer than `goal_reach_m`; 0 is never, (n,)."""
    found: Mask = distance(batch) < batch.settings["goal_reach_m"]
    return found


@once
def passed(batch: Batch) -> Mask:
    """Return whether the goal lies behind, (n,)."""
    return bearing(batch)[0] < 0.0


def keep(batch: Batch) -> None:
    """Keep the distances of this step and of the last one up to date; for `advance`."""
    memory = batch.memory["goal_distance"]
    memory[:, 1] = memory[:, 0]
    memory[:, 0] = distance(batch)


def closing(batch: Batch) -> Array:
    """Return how fast the root came nearer to the goal in this step, m/s, (n,)."""
    memory = batch.memory["goal_distance"]
    found: Array = (memory[:, 1] - memory[:, 0]) / batch.dt
    return found


def put(batch: Batch, lane: int, yaw: float, height_m: float, rng: Rng) -> None:
    """Put a new goal ahead of one lane, as seen along `yaw` (radians from +X).

    The stage says where: `goal_min_m` to `goal_max_m` ahead, turned by up to
    `goal_turn_rad`, up to `goal_lateral_m` to the side.
    """
    settings = batch.settings
    ahead = rng.uniform(settings["goal_min_m"], settings["goal_max_m"])
    angle = yaw + settings["goal_turn_rad"] * rng.uniform(-1.0, 1.0)
    side = settings["goal_lateral_m"] * rng.uniform(-1.0, 1.0)
    x, y = (float(at) for at in batch.qpos[lane, :2])
    goal = batch.mocap_pos[lane, 0]
    goal[0] = x + ahead * math.cos(angle) - side * math.sin(angle)
    goal[1] = y + ahead * math.sin(angle) + side * math.cos(angle)
    goal[2] = height_m
    batch.memory["goal_distance"][lane] = math.hypot(goal[0] - x, goal[1] - y)
