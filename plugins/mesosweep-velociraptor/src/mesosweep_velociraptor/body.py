"""The velociraptor as data: its hinges, servos, feet and claws. The rest is what every walker does."""

from __future__ import annotations

from mesosweep.api import terms

SIDES = ("left", "right")
TAIL = ("tail1_yaw", "tail1_pitch", "tail2_pitch", "tail3_pitch", "tail4_pitch", "tail5_pitch")
LEG = ("hip_yaw", "hip_roll", "hip_pitch", "knee", "ankle", "d3", "d4", "claw")

HINGES: tuple[str, ...] = (
    *TAIL,
    *(f"{side}_shoulder" for side in SIDES),
    *(f"{side}_{joint}" for side in SIDES for joint in LEG),
)
SERVOS = terms.Servos(
    names=(
        *(f"{side}_{joint}" for side in SIDES for joint in (*LEG, "shoulder")),
        *TAIL[:4],
    ),
    reach=0.8,
    reaches={f"{side}_shoulder": 0.5 for side in SIDES},
)


def _foot(side: str, *, offset: float) -> terms.Foot:
    parts = ("pad", "d3", "d4")
    return terms.Foot(
        name=side,
        loads=tuple(f"{side}_{part}_load" for part in parts),
        sole=f"{side}_pad",
        rest_m=0.017,
        geoms=tuple(f"{side}_{part}" for part in parts),
        offset=offset,
    )


RAPTOR = terms.Walker(
    hinges=HINGES,
    servos=SERVOS,
    feet=terms.Feet((_foot("left", offset=0.0), _foot("right", offset=0.5)), stance_n=5.0),
    target=terms.Target(tips=tuple(f"{side}_claw_tip" for side in SIDES), sight_m=2.0),
    mass_kg=13.31,
    task="strike",
    # Home has knees at .34 m and ankles at .14 m; below these heights a part lies on the ground.
    grounded={
        "knee_on_ground": (("left_knee", "right_knee"), 0.06),
        "shin_on_ground": (("left_ankle", "right_ankle"), 0.035),
        "head_on_ground": (("head",), 0.15),
        "tail_on_ground": (("tail_tip",), 0.03),
    },
    tail=TAIL,
    nose_down=0.06,
)

BODY = RAPTOR.body(model="mesosweep_velociraptor:assets/raptor.xml", frame_skip=4)
