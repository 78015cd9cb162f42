"""The animal put together: a walker on four feet, and a head that sees how far its food is."""

from __future__ import annotations

from mesosweep.api import terms
from mesosweep_brachiosaurus.plant import FEET, HINGES, HOME_TIP_M, LEGS, MASS_KG, SERVOS, TAIL

FAR_M = 3.0
"""How far off the head still sees where its food is, along each axis."""

WALKER = terms.Walker(
    hinges=HINGES,
    servos=SERVOS,
    feet=FEET,
    target=terms.Target(tips=("head_tip",), sight_m=FAR_M, clear_of=HOME_TIP_M, clear_m=1.25),
    mass_kg=MASS_KG,
    task="food",
    grounded={
        "knee_on_ground": (tuple(f"{leg}_knee" for leg in LEGS), 0.15),
        "head_on_ground": (("head_tip",), 0.2),
        "tail_on_ground": (("tail_tip",), 0.04),
    },
    tail=TAIL,
)

BODY = WALKER.body(model="mesosweep_brachiosaurus:assets/brachiosaurus.xml", frame_skip=4)
