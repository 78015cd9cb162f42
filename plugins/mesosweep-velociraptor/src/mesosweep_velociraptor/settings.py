"""Every env setting of the velociraptor, with its unit, and which of them define the task."""

from __future__ import annotations

_TASK: dict[str, str] = {
    "task": "whether a strike ends the episode in success",
    "horizon_s": "length of a full episode, s",
    "start_noise_rad": "uniform noise of the joints' angles at the start, ± rad",
    "start_noise_rad_s": "uniform noise of the joints' speeds at the start, ± rad/s",
    "start_yaw_rad": "largest turn of the body at the start, ± rad",
    "push_min_n_s": "weakest push, N·s",
    "push_max_n_s": "strongest push, N·s; 0 for none",
    "push_interval_min_s": "shortest time between pushes, s",
    "push_interval_max_s": "longest time between pushes, s",
    "goal_min_m": "nearest new goal or prey, m ahead",
    "goal_max_m": "farthest new goal or prey, m ahead",
    "goal_turn_rad": "largest angle of a new goal to the body, ± rad",
    "goal_lateral_m": "largest offset of a new goal or prey to the side, ± m",
    "goal_reach_m": "distance at which a goal is reached and a new one appears, m; 0 for never",
    "strike_radius_m": "a touch counts while a claw's tip is nearer to the prey's centre than this, m",
    "healthy_min_m": "lowest healthy height of the pelvis, m",
    "healthy_max_m": "greatest healthy height of the pelvis, m",
    "max_tilt_rad": "greatest healthy angle of the pelvis to upright, rad",
}

_SHAPE: dict[str, str] = {
    "forward_vel_max": "speed towards the goal from which forward_vel_weight pays in full, m/s",
    "gait_hz": "strides per second of the clock that the animal hears, Hz",
    "gait_duty": "share of a stride that each foot is asked to stand, 0 to 1",
}

_WEIGHTS: dict[str, str] = {
    "alive_bonus": "reward per step for being up",
    "fall_penalty": "reward once for a fall (negative)",
    "forward_vel_weight": "reward per step at forward_vel_max towards the goal; the ramp's target",
    "posture_weight": "penalty per step for tilt, in full from .8 rad, squared",
    "nosedive_weight": "penalty per step for a nose lower than it naturally is, sine of the pitch",
    "energy_penalty_weight": "penalty per step for the mean square of the action",
    "smoothness_weight": "penalty per step for the mean square of the change of action",
    "heading_weight": "reward per step for facing the goal, cosine of the angle",
    "lateral_weight": "penalty per step for moving sideways, in full from 1 m/s",
    "spin_weight": "penalty per step for turning, in full from 3 rad/s",
    "drift_weight": "penalty per step for distance from the start, in full from 2 m, squared",
    "speed_penalty_weight": "penalty per step for moving at all, in full from 1 m/s",
    "tail_weight": "penalty per step for whipping the tail, in full from a mean of 10 rad/s",
    "gait_weight": "reward per step for feet that stand and swing as the clock asks, -1 to 1",
    "clearance_weight": "reward per step for swinging feet lifted to 8 cm, each foot 0 to 1",
    "strike_bonus": "reward once for a strike",
    "strike_approach_weight": "reward per step for nearing the prey, in full from 3 m/s",
    "strike_proximity_weight": "reward per step for nearing it with a claw within 1 m, per 3 m/s",
}

SETTINGS: dict[str, str] = {**_TASK, **_SHAPE, **_WEIGHTS}
TASK_KEYS = frozenset(_TASK)
