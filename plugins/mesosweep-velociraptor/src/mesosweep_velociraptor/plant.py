"""The animal's joints: their order, how far an action moves them, where the feet are."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from mesosweep.api import Array, Batch
from mesosweep_velociraptor.view import FEET, Table

MASS_KG = 13.31
HOME_HEIGHT_M = 0.4992
"""Height of the pelvis when the pads just touch the ground."""

TAIL = ("tail1_yaw", "tail1_pitch", "tail2_pitch", "tail3_pitch", "tail4_pitch", "tail5_pitch")
LEG = ("hip_yaw", "hip_roll", "hip_pitch", "knee", "ankle", "d3", "d4", "claw")
ARM = ("shoulder",)

HINGES: tuple[str, ...] = (
    *TAIL,
    *(f"{side}_{joint}" for joint in ARM for side in FEET),
    *(f"{side}_{joint}" for side in FEET for joint in LEG),
)
"""All hinges, in the order of `qpos[7:]` and `qvel[6:]`."""

ACTUATORS: tuple[str, ...] = (
    *(f"{side}_{joint}" for side in FEET for joint in (*LEG, *ARM)),
    *TAIL[:4],
)
"""All position servos, in the order of the action."""

REACH: dict[str, float] = {
    "hip_yaw": 0.8,
    "hip_roll": 0.8,
    "hip_pitch": 0.8,
    "knee": 0.8,
    "ankle": 0.8,
    "d3": 0.8,
    "d4": 0.8,
    "claw": 0.8,
    "shoulder": 0.5,
    **dict.fromkeys(TAIL, 0.8),
}
"""Share of the way from home to the joint's limit that a full action asks for."""
FINE = 0.35
"""Share of that way which is linear in the action; the rest is cubic. Around home a servo is
gentle, so that a learner's first random actions do not throw the animal down, and a full
action still reaches far enough to run."""


def _joint(name: str) -> str:
    side, _, joint = name.partition("_")
    return joint if side in FEET else name


@lru_cache(maxsize=8)
def targets(model: Any) -> tuple[Table, Table]:
    """Return the actuator targets of the actions -1 and +1, radians, two (nu,)."""
    reach = np.array([REACH[_joint(name)] for name in ACTUATORS])
    low, high = model.actuator_ctrlrange.T
    return np.asarray(low * reach), np.asarray(high * reach)


def control(batch: Batch, action: Array) -> Array:
    """Turn an action into servo targets: 0 is home, ±1 is `REACH` of the way to the limit."""
    low, high = targets(batch.model)
    bent = action * (FINE + (1 - FINE) * action**2)
    return np.where(bent > 0, high * bent, -low * bent)


def mirror_actions(action: Table) -> Table:
    """Return what the animal's mirror image would do, (n, nu)."""
    return _mirrored(action, ACTUATORS)


def mirror_hinges(angles: Table) -> Table:
    """Return the mirror image of joint angles or speeds, (n, 24)."""
    return _mirrored(angles, HINGES)


def _mirrored(values: Table, names: tuple[str, ...]) -> Table:
    # Leg and arm axes are mirror images of each other, so sides swap and no sign turns;
    # only the tail's yaw changes sides by changing its sign.
    swap = {"left": "right", "right": "left"}
    source = []
    for name in names:
        side, _, joint = name.partition("_")
        source.append(names.index(f"{swap[side]}_{joint}" if side in swap else name))
    sign = np.array([-1.0 if name == "tail1_yaw" else 1.0 for name in names])
    return np.asarray(values[..., source] * sign)


class Feet:
    """Where the soles of the feet are for given joint angles, without a physics step."""

    def __init__(self, model: Any) -> None:
        self._chain = [
            ("thigh", ("hip_yaw", "hip_roll", "hip_pitch")),
            ("shank", ("knee",)),
            ("foot", ("ankle",)),
        ]
        self._offset = {b: _both(model.body, b) for b in ("thigh", "shank", "foot", "d3", "d4")}
        self._axis = {
            joint: np.stack([model.joint(f"{side}_{joint}").axis for side in FEET]) for joint in LEG
        }
        self._column = {joint: [HINGES.index(f"{side}_{joint}") for side in FEET] for joint in LEG}
        self._pad = np.stack([model.geom(f"{side}_pad").pos for side in FEET])
        self._pad_radius = float(model.geom("left_pad").size[0])
        self._toes = {toe: _ends(model, toe) for toe in ("d3", "d4")}

    def lowest(self, rotation: Table, hinges: Table) -> float:
        """Return the height of the lowest point of the soles relative to the pelvis, metres."""
        turn = np.broadcast_to(rotation, (2, 3, 3))
        at = np.zeros((2, 3))
        for body, joints in self._chain:
            at = at + _turned(turn, self._offset[body])
            for joint in joints:
                turn = turn @ self._turn(joint, hinges)
        heights = [(at + _turned(turn, self._pad))[:, 2] - self._pad_radius]
        for toe, (ends, radius) in self._toes.items():
            toe_at = at + _turned(turn, self._offset[toe])
            toe_turn = turn @ self._turn(toe, hinges)
            heights += [(toe_at + _turned(toe_turn, end))[:, 2] - radius for end in ends]
        return float(np.min(heights))

    def _turn(self, joint: str, hinges: Table) -> Table:
        """Return rotation matrices of one joint on both sides (Rodrigues), (2, 3, 3)."""
        axis, angle = self._axis[joint], hinges[self._column[joint]]
        cross = np.zeros((2, 3, 3))
        cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
        cross -= cross.transpose(0, 2, 1)
        sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
        return np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)


@lru_cache(maxsize=8)
def feet_of(model: Any) -> Feet:
    return Feet(model)


def _both(part: Any, name: str) -> Table:
    return np.stack([part(f"{side}_{name}").pos for side in FEET])


def _ends(model: Any, toe: str) -> tuple[tuple[Table, Table], float]:
    """Return both ends of a toe's capsule, each (2 sides, 3), and its radius."""
    geoms = [model.geom(f"{side}_{toe}") for side in FEET]
    middle = np.stack([geom.pos for geom in geoms])
    axis = np.stack([_third_axis(geom.quat) * geom.size[1] for geom in geoms])
    return (middle - axis, middle + axis), float(geoms[0].size[0])


def _third_axis(quat: Table) -> Table:
    w, x, y, z = quat
    return np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])


def _turned(rotation: Table, vectors: Table) -> Table:
    return np.asarray(np.einsum("sij,sj->si", rotation, vectors))
