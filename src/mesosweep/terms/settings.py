"""The env settings that every walker has, with their units; which of them define the task.

    SETTINGS, TASK_KEYS = walker_settings("strike")

Light: a species that only describes itself imports no numpy here.
"""

from __future__ import annotations

_TASK: dict[str, str] = {
    "task": "whether this stage asks for the task; doing it ends the episode in success",
    "hunt": "whether the task goes on instead, for training: once done, a new target appears",
    "hunt_gives_up": "whether a hunt gives up a target that was passed, and a new one appears",
    "horizon_s": "length of a full episode, s",
    "start_noise_rad": "uniform noise of the joints' angles at the start, ± rad",
    "start_noise_rad_s": "uniform noise of the joints' speeds at the start, ± rad/s",
    "start_yaw_rad": "largest turn of the body at the start, ± rad",
    "push_min_n_s": "weakest push, N·s",
    "push_max_n_s": "strongest push, N·s; 0 for none",
    "push_interval_min_s": "shortest time between pushes, s",
    "push_interval_max_s": "longest time between pushes, s",
    "goal_min_m": "nearest new goal or target, m ahead",
    "goal_max_m": "farthest new goal or target, m ahead",
    "goal_turn_rad": "largest angle of a new goal to the body, ± rad",
    "goal_lateral_m": "largest offset of a new goal or target to the side, ± m",
    "goal_reach_m": "distance at which a goal is reached and a new one appears, m; 0 for never",
    "target_low_m": "lowest height of a new target's centre, m",
    "target_high_m": "greatest height of a new target's centre, m",
    "target_radius_m": "distance from the target's centre that counts as reaching it, m",
    "healthy_min_m": "lowest healthy height of the root, m",
    "healthy_max_m": "greatest healthy height of the root, m",
    "max_tilt_rad": "greatest healthy angle of the root to upright, rad",
}

_SHAPE: dict[str, str] = {
    "forward_vel_max": "speed towards the goal from which forward_vel_weight pays in full, m/s",
    "gait_hz": "strides per second of the clock that the animal hears, Hz",
    "gait_duty": "share of a stride that each foot is asked to stand, 0 to 1",
    "gait_lift_m": "height of a swinging foot from which clearance_weight pays in full, m",
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
    "clearance_weight": "reward per step for lifting the feet that swing, each foot 0 to 1",
    "waypoint_bonus": "reward once for a goal that comes within goal_reach_m",
    "{task}_bonus": "reward once for a target that is reached",
    "{task}_miss_penalty": "reward once for a target of a hunt that was passed (negative)",
    "{task}_approach_weight": "reward per step for nearing the target, in full from 3 m/s",
    "{task}_proximity_weight": "reward per step for nearing it within 1 m with what reaches it, per 3 m/s",
}


def walker_settings(task: str) -> tuple[dict[str, str], frozenset[str]]:
    """Return every setting with its meaning, and the keys of those that define the task.

    `task` is the species' word: `strike` makes `strike_bonus` and its kin.
    """
    weights = {name.format(task=task): told for name, told in _WEIGHTS.items()}
    return {**_TASK, **_SHAPE, **weights}, frozenset(_TASK)
