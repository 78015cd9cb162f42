"""Reads quantities that several parts of the animal need out of a `Batch`: frames, goal, feet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mesosweep.api import Array, Batch, Mask

FEET = ("left", "right")
STANCE_N = 5.0
"""Newtons on a foot, averaged over a control step, from which it counts as standing."""

Table = NDArray[np.float64]


def rotation(batch: Batch) -> Table:
    """Return the pelvis' rotation matrices, body → world, (n, 3, 3)."""
    w, x, y, z = (batch.qpos[:, i] for i in (3, 4, 5, 6))
    turned = np.empty((batch.n, 3, 3))
    turned[:, 0, 0] = 1 - 2 * (y * y + z * z)
    turned[:, 0, 1] = 2 * (x * y - w * z)
    turned[:, 0, 2] = 2 * (x * z + w * y)
    turned[:, 1, 0] = 2 * (x * y + w * z)
    turned[:, 1, 1] = 1 - 2 * (x * x + z * z)
    turned[:, 1, 2] = 2 * (y * z - w * x)
    turned[:, 2, 0] = 2 * (x * z - w * y)
    turned[:, 2, 1] = 2 * (y * z + w * x)
    turned[:, 2, 2] = 1 - 2 * (x * x + y * y)
    return turned


def up_z(batch: Batch) -> Array:
    """Return the cosine of the tilt: how much of the pelvis' up points up, (n,)."""
    x, y = batch.qpos[:, 4], batch.qpos[:, 5]
    return 1 - 2 * (x * x + y * y)


def tilt(batch: Batch) -> Array:
    """Return the angle between the pelvis' up and the world's, radians, (n,)."""
    return np.arccos(np.clip(up_z(batch), -1.0, 1.0))


def nose_down(batch: Batch) -> Array:
    """Return the sine of the pitch, positive when the nose points down, (n,)."""
    w, x, y, z = (batch.qpos[:, i] for i in (3, 4, 5, 6))
    return -2 * (x * z - w * y)


def facing(batch: Batch) -> tuple[Array, Array]:
    """Return the horizontal unit vector along which the pelvis points, two (n,)."""
    w, x, y, z = (batch.qpos[:, i] for i in (3, 4, 5, 6))
    ahead, left = 1 - 2 * (y * y + z * z), 2 * (x * y + w * z)
    length = np.maximum(np.hypot(ahead, left), 1e-9)
    return ahead / length, left / length


def goal_offset(batch: Batch) -> tuple[Array, Array, Array]:
    """Return the unit vector to the goal in the horizontal plane and its distance, three (n,)."""
    dx = batch.mocap_pos[:, 0, 0] - batch.qpos[:, 0]
    dy = batch.mocap_pos[:, 0, 1] - batch.qpos[:, 1]
    distance = np.hypot(dx, dy)
    safe = np.maximum(distance, 1e-9)
    return dx / safe, dy / safe, distance


def bearing(batch: Batch) -> tuple[Array, Array]:
    """Return cosine and sine of the goal's direction as the animal sees it; left is positive."""
    ahead, left = facing(batch)
    dx, dy, _ = goal_offset(batch)
    return dx * ahead + dy * left, dy * ahead - dx * left


def goal_speed(batch: Batch) -> Array:
    """Return the pelvis' speed towards the goal, m/s, (n,)."""
    dx, dy, _ = goal_offset(batch)
    return batch.qvel[:, 0] * dx + batch.qvel[:, 1] * dy


def foot_load(batch: Batch) -> Table:
    """Return newtons on each foot, pad and both toes, averaged over the control step, (n, 2)."""
    loads = [
        sum(batch.sensor_substeps(f"{foot}_{part}_load") for part in ("pad", "d3", "d4"))
        for foot in FEET
    ]
    return np.concatenate([np.mean(load, axis=1) for load in loads], axis=1)


def standing_on(batch: Batch) -> Mask:
    """Return whether each foot carries weight, (n, 2)."""
    return foot_load(batch) > STANCE_N


def foot_height(batch: Batch) -> Array:
    """Return the height of each foot's pad above the stance, metres, (n, 2)."""
    return np.stack([batch.sensor(f"{foot}_pad")[:, 2] for foot in FEET], axis=1) - 0.017


def phase(batch: Batch) -> Table:
    """Return where each foot is in its stride, [0, 1), (n, 2); the right is half a stride on."""
    first = batch.memory["phase"][:, 0] + batch.steps * (batch.dt * batch.settings["gait_hz"])
    return np.stack([first, first + 0.5], axis=1) % 1.0


def claw_distance(batch: Batch) -> Array:
    """Return the least distance of a claw from the prey's centre in this step, metres, (n,)."""
    prey = batch.mocap_pos[:, None, 0]
    apart = [
        np.linalg.norm(batch.sensor_substeps(f"{foot}_claw_tip") - prey, axis=2).min(axis=1)
        for foot in FEET
    ]
    found: Array = np.minimum(*apart)
    return found
