"""Where an animal is and how it is turned. Its root is the model's first joint, and free.

Positions and velocities of the root are in the world's frame, its turn rate in its own, as
MuJoCo keeps them: `qpos[:, :3]`, `qvel[:, :3]`, `qvel[:, 3:6]`. +X is ahead, +Y left, +Z up.
"""

from __future__ import annotations

import numpy as np

from mesosweep.ports import Array, Batch
from mesosweep.terms.sharing import once

# Each of the nine entries of a rotation matrix is twice the sum of two products of the
# quaternion's numbers (w, x, y, z), here 0 to 3, and of the identity's entry. In the upper
# rows the first products of all, in the lower ones the second: two factors, and the sign.
_ONE = np.array([[2, 1, 1, 1, 1, 2, 1, 2, 1], [3, 0, 0, 0, 3, 0, 0, 0, 2]]).ravel()
_OTHER = np.array([[2, 2, 3, 2, 1, 3, 3, 3, 1], [3, 3, 2, 3, 3, 1, 2, 1, 2]]).ravel()
_SIGN = np.array([[-1, 1, 1, 1, -1, 1, 1, 1, -1], [-1, -1, 1, 1, -1, -1, -1, 1, -1]]).ravel()
_TWICE = 2.0 * _SIGN
_IDENTITY = np.eye(3).ravel()


@once
def rotation(batch: Batch) -> Array:
    """Return the root's rotation matrices, body → world, (n, 3, 3)."""
    turn = batch.qpos[:, 3:7]
    products = turn.take(_ONE, axis=1)
    products *= turn.take(_OTHER, axis=1)
    products *= _TWICE
    found: Array = products[:, :9] + products[:, 9:]
    found += _IDENTITY
    return found.reshape(-1, 3, 3)


def up(batch: Batch) -> Array:
    """Return the world's up as the animal feels it, unit vectors (n, 3)."""
    return rotation(batch)[:, 2]


def upright(batch: Batch) -> Array:
    """Return the cosine of the tilt, (n,): 1 upright, 0 lying, -1 on its back."""
    return rotation(batch)[:, 2, 2]


@once
def tilt(batch: Batch) -> Array:
    """Return the angle between the root's up and the world's, radians in [0, π], (n,)."""
    # It cannot exceed 1, being 1 less two squares; rounding can bring it below -1.
    return np.arccos(np.maximum(upright(batch), -1.0))


def nose_down(batch: Batch) -> Array:
    """Return the sine of the pitch, positive when the nose points down, (n,)."""
    found: Array = -rotation(batch)[:, 2, 0]
    return found


@once
def facing(batch: Batch) -> Array:
    """Return where the root points in the horizontal plane, unit vectors (n, 2)."""
    ahead = rotation(batch)[:, :2, 0]
    found: Array = ahead / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    return found


def velocity(batch: Batch) -> Array:
    """Return the root's velocity in its own frame: ahead, left, up; m/s, (n, 3)."""
    found: Array = np.vecdot(rotation(batch).transpose(0, 2, 1), batch.qvel[:, None, :3])
    return found


@once
def speed(batch: Batch) -> Array:
    """Return the root's horizontal speed, m/s, (n,)."""
    found: Array = np.hypot(batch.qvel[:, 0], batch.qvel[:, 1])
    return found


def gone(batch: Batch) -> Array:
    """Return the horizontal distance from where the episode began, the origin, metres, (n,)."""
    found: Array = np.hypot(batch.qpos[:, 0], batch.qpos[:, 1])
    return found
