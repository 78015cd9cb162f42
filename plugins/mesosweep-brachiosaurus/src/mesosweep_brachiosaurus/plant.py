"""The animal's parts: joints and servos in their order, feet and their gait, what the model weighs."""

from __future__ import annotations

from mesosweep.api import terms

MASS_KG = 195.0
HOME_HEIGHT_M = 1.2
"""Height of the root when the feet just touch the ground."""
HOME_TIP_M = (2.1443, 0.0, 3.0712)
"""Where the tip of the head is at home: ahead of the root, left of it, above the ground."""
PAD_M = 0.08
"""Radius of a foot."""

LEGS = ("front_left", "front_right", "hind_left", "hind_right")
LEG = ("hip_roll", "hip_pitch", "knee")
NECK = ("neck1_yaw", "neck1_pitch", "neck2_pitch", "neck3_pitch", "head_pitch")
TAIL = ("tail1_yaw", "tail1_pitch", "tail2_pitch", "tail3_pitch")

HINGES = (*NECK, *TAIL, *(f"{leg}_{joint}" for leg in LEGS for joint in LEG))
"""All hinges, in the order of `qpos[7:]` and `qvel[6:]`."""

SERVOS = terms.Servos(
    names=(*(f"{leg}_{joint}" for leg in LEGS for joint in LEG), *NECK, *TAIL[:2]),
    reach=0.7,
    reaches=dict.fromkeys(NECK, 0.85),
    # Four stiff legs bear a beginner's noise: nothing to be gained from a gentle middle.
    fine=1.0,
)

TROT = {"front_left": 0.0, "front_right": 0.5, "hind_left": 0.5, "hind_right": 0.0}
"""Leg → its place in the stride: diagonal feet step together, opposite ones half a stride apart."""

FEET = terms.Feet(
    each=tuple(
        terms.Foot(
            name=leg,
            loads=(f"{leg}_load",),
            sole=f"{leg}_pad",
            rest_m=PAD_M,
            geoms=(f"{leg}_pad",),
            offset=TROT[leg],
        )
        for leg in LEGS
    ),
    stance_n=25.0,
)
