"""A table that walks to cakes: as small as a walker on four feet can be."""

from __future__ import annotations

from typing import Any

from mesosweep.api import terms

LEGS = ("front_left", "front_right", "hind_left", "hind_right")
TROT = {"front_left": 0.0, "hind_right": 0.0, "front_right": 0.5, "hind_left": 0.5}
HINGES = ("head_yaw", *(f"{leg}_{joint}" for leg in LEGS for joint in ("roll", "pitch")))

TABLE = terms.Walker(
    hinges=HINGES,
    servos=terms.Servos(HINGES, reach=0.5),
    feet=terms.Feet(
        tuple(
            terms.Foot(
                name=leg,
                loads=(f"{leg}_load",),
                sole=f"{leg}_foot",
                rest_m=0.03,
                geoms=(f"{leg}_foot",),
                offset=TROT[leg],
            )
            for leg in LEGS
        ),
        stance_n=5.0,
    ),
    target=terms.Target(tips=("nose",), sight_m=1.0, clear_of=(0.45, 0.0, 0.48), clear_m=0.5),
    mass_kg=8.5,
    task="cake",
    grounded={"head_on_ground": (("nose",), 0.1)},
    parallel=("_roll",),
)
BODY = TABLE.body(model="table_species:table.xml", frame_skip=4)

SETTINGS: dict[str, Any] = {
    "task": False,
    "hunt": False,
    "hunt_gives_up": True,
    "horizon_s": 4.0,
    "start_noise_rad": 0.05,
    "start_noise_rad_s": 0.2,
    "start_yaw_rad": 0.3,
    "push_min_n_s": 0.0,
    "push_max_n_s": 0.0,
    "push_interval_min_s": 0.1,
    "push_interval_max_s": 0.2,
    "goal_min_m": 0.4,
    "goal_max_m": 3.0,
    "goal_turn_rad": 0.4,
    "goal_lateral_m": 0.5,
    "goal_reach_m": 0.0,
    "target_low_m": 0.3,
    "target_high_m": 0.6,
    "target_radius_m": 0.1,
    "healthy_min_m": 0.2,
    "healthy_max_m": 0.8,
    "max_tilt_rad": 1.0,
    "forward_vel_max": 1.0,
    "gait_hz": 2.0,
    "gait_duty": 0.6,
    "gait_lift_m": 0.05,
    **dict.fromkeys(BODY.rewards, 0.5),
}
