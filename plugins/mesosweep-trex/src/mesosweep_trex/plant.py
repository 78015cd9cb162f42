"""What the animal is made of: the order of its joints, its servos, feet and jaws."""

from __future__ import annotations

from mesosweep.api import terms

MASS_KG = 82.0
HOME_HEIGHT_M = 0.9241
"""Height of the pelvis when the soles just touch the ground."""

SIDES = ("left", "right")
LEG = ("hip_yaw", "hip_roll", "hip_pitch", "knee", "ankle", "toe")
NECK = ("neck_yaw", "neck_pitch", "head_pitch")
TAIL = ("tail1_yaw", "tail1_pitch", "tail2_pitch", "tail3_pitch")

HINGES: tuple[str, ...] = (
    *NECK,
    *TAIL,
    *(f"{side}_{joint}" for side in SIDES for joint in LEG),
)
"""All hinges, in the order of `qpos[7:]` and `qvel[6:]`."""

SERVOS = terms.Servos(
    # The end of the tail is a spring.
    names=(*(f"{side}_{joint}" for side in SIDES for joint in LEG), *NECK, *TAIL[:3]),
    reach=0.7,
    fine=1.0,
)


def _foot(side: str, *, offset: float) -> terms.Foot:
    return terms.Foot(
        name=side,
        loads=(f"{side}_load",),
        sole=f"{side}_pad",
        rest_m=0.036,
        geoms=tuple(f"{side}_{part}" for part in ("pad", "d2", "d3", "d4")),
        offset=offset,
    )


FEET = terms.Feet((_foot("left", offset=0.0), _foot("right", offset=0.5)), stance_n=30.0)

JAWS = terms.Target(tips=("mouth",), touches=("bite",), sight_m=3.0)
"""A bite: snout or jaw touch the prey while the front of the mouth is at it."""
