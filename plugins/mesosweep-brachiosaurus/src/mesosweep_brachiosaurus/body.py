"""The animal put together: a walker on four feet, and a head that sees how far its food is."""

from __future__ import annotations

import numpy as np

from mesosweep.api import Array, Batch, terms
from mesosweep_brachiosaurus.plant import FEET, HINGES, HOME_TIP_M, LEGS, MASS_KG, SERVOS, TAIL

FAR_M = 3.0
"""How far off the head still sees where its food is, along each axis."""


@terms.once
def food_from_head(batch: Batch) -> Array:
    """Return where the food is as seen from the tip of the head, metres, (n, 3).

    Ahead, left and up: the axes turn with the root about the vertical, and do not tilt.
    """
    gap = batch.mocap_pos[:, 0] - batch.sensor("head_tip")
    facing = terms.frames.facing(batch)
    ahead = gap[:, 0] * facing[:, 0] + gap[:, 1] * facing[:, 1]
    left = gap[:, 1] * facing[:, 0] - gap[:, 0] * facing[:, 1]
    return np.stack([ahead, left, gap[:, 2]], axis=1)


def _axis(column: int) -> terms.Term:
    # Clipped here and not only by the bounds: most food is farther off at the start.
    return lambda batch: np.clip(food_from_head(batch)[:, column], -FAR_M, FAR_M)


WALKER = terms.Walker(
    hinges=HINGES,
    servos=SERVOS,
    feet=FEET,
    target=terms.Target(tips=("head_tip",), clear_of=HOME_TIP_M, clear_m=1.25),
    mass_kg=MASS_KG,
    task="food",
    grounded={
        "knee_on_ground": (tuple(f"{leg}_knee" for leg in LEGS), 0.15),
        "head_on_ground": (("head_tip",), 0.2),
        "tail_on_ground": (("tail_tip",), 0.04),
    },
    tail=TAIL,
    senses=tuple(
        terms.Sense(f"food_{axis}", -FAR_M, FAR_M, _axis(column))
        for column, axis in enumerate(("ahead", "left", "up"))
    ),
)

BODY = WALKER.body(model="mesosweep_brachiosaurus:assets/brachiosaurus.xml", frame_skip=4)
