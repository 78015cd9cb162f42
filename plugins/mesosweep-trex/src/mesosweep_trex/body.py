"""The animal put together: a walker on two feet, and what of it may not touch the ground."""

from __future__ import annotations

from mesosweep.api import terms
from mesosweep_trex.plant import FEET, HINGES, JAWS, MASS_KG, SERVOS, TAIL

TREX = terms.Walker(
    hinges=HINGES,
    servos=SERVOS,
    feet=FEET,
    target=JAWS,
    mass_kg=MASS_KG,
    task="bite",
    # Home has knees at .57 m, ankles at .26, head and mouth at 1.2, the tail's tip at 1.0; a
    # bite has the mouth above .3. Below these heights a part lies on the ground.
    grounded={
        "knee_on_ground": (("left_knee", "right_knee"), 0.1),
        "shin_on_ground": (("left_ankle", "right_ankle"), 0.07),
        "head_on_ground": (("head", "mouth"), 0.15),
        "tail_on_ground": (("tail_tip",), 0.05),
    },
    tail=TAIL,
    nose_down=0.06,
)

BODY = TREX.body(
    model="mesosweep_trex:assets/trex.xml",
    frame_skip=4,
    # The cosine that `heading_weight` pays for is flat near 0: it lets a walk be askew.
    rewards={"off_course_weight": terms.costs(terms.goal.off_course)},
)
