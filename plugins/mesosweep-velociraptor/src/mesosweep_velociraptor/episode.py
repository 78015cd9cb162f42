"""How an episode goes: its start, pushes and new goals, what ends it, what counts as a strike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from mesosweep.api import Array, Batch, Mask, Rng
from mesosweep_velociraptor import view
from mesosweep_velociraptor.plant import HINGES, MASS_KG, feet_of

CLEARANCE_M = 0.0005
"""Height of the lowest sole above the ground at the start."""
PREY_HEIGHT_M = 0.27
_NEVER = 1e9

MEMORY: Mapping[str, int] = {
    "phase": 1,  # of the left foot's stride at the start, [0, 1)
    "next_push_s": 1,
    "pushes": 1,
    "goal_distance": 2,  # to the goal: now, and one step before; metres
    "claw_distance": 3,  # of the nearer claw: now, one step before, least so far; metres
    "footfall": 5,  # left and right stood; last foot down (-1, 1); footfalls; alternations
}


def start(batch: Batch, lane: int, rng: Rng) -> None:
    """Stand one lane up: noisy joints, soles just above the ground, a goal ahead."""
    settings = batch.settings
    noise, speed = settings["start_noise_rad"], settings["start_noise_rad_s"]
    qpos, qvel = batch.qpos[lane], batch.qvel[lane]
    qpos[7:] = rng.uniform(-noise, noise, len(HINGES))
    qvel[6:] = rng.uniform(-speed, speed, len(HINGES))
    yaw = settings["start_yaw_rad"] * rng.uniform(-1.0, 1.0)
    qpos[3:7] = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
    turn = np.array(
        [[math.cos(yaw), -math.sin(yaw), 0.0], [math.sin(yaw), math.cos(yaw), 0.0], [0.0, 0.0, 1.0]]
    )
    qpos[2] = CLEARANCE_M - feet_of(batch.model).lowest(turn, qpos[7:])
    batch.memory["phase"][lane] = 0.5 * rng.integers(0, 2)
    batch.memory["footfall"][lane, :2] = 1.0
    batch.memory["next_push_s"][lane] = _push_time(batch, 0.0, rng)
    _place_goal(batch, lane, 0.0, rng)


def due(batch: Batch) -> Mask:
    """Return the lanes whose time for a push has come, or whose goal is reached or passed."""
    pushed = batch.steps * batch.dt >= batch.memory["next_push_s"][:, 0]
    return pushed | _goal_reached(batch)


def disturb(batch: Batch, lane: int, rng: Rng) -> None:
    """Push one lane, or give it a new goal, whichever is due."""
    time_s, memory, settings = batch.steps[lane] * batch.dt, batch.memory, batch.settings
    if time_s >= memory["next_push_s"][lane, 0]:
        impulse = rng.uniform(settings["push_min_n_s"], settings["push_max_n_s"])
        angle = rng.uniform(-math.pi, math.pi)
        batch.qvel[lane, 0] += impulse / MASS_KG * math.cos(angle)
        batch.qvel[lane, 1] += impulse / MASS_KG * math.sin(angle)
        memory["pushes"][lane] += 1
        memory["next_push_s"][lane] = _push_time(batch, time_s, rng)
    if _goal_reached(batch)[lane]:
        ahead, left = view.facing(batch)
        _place_goal(batch, lane, math.atan2(left[lane], ahead[lane]), rng)


def advance(batch: Batch) -> None:
    """Keep distances and footfalls up to date."""
    memory = batch.memory
    goal, claw, feet = memory["goal_distance"], memory["claw_distance"], memory["footfall"]
    goal[:, 1] = goal[:, 0]
    goal[:, 0] = view.goal_offset(batch)[2]
    nearest, first = view.claw_distance(batch), batch.steps <= 1
    claw[:, 1] = np.where(first, nearest, claw[:, 0])
    claw[:, 0] = nearest
    claw[:, 2] = np.where(first, nearest, np.minimum(claw[:, 2], nearest))
    stands = view.standing_on(batch)
    down = stands & (feet[:, :2] < 0.5)
    # Both feet in one step are a hop, which is no footfall of either side.
    one = down[:, 0] ^ down[:, 1]
    side = np.where(down[:, 0], -1.0, 1.0)
    feet[:, 4] += one & (feet[:, 2] == -side)
    feet[:, 3] += down.any(axis=1)
    feet[:, 2] = np.where(one, side, feet[:, 2])
    feet[:, :2] = stands


def struck(batch: Batch) -> Mask:
    """Return the lanes whose claw touched the prey in this step, and was really there."""
    touched = [batch.sensor_substeps(f"{foot}_claw_load")[:, :, 0] > 0.0 for foot in view.FEET]
    touch = (touched[0] | touched[1]).any(axis=1)
    near = batch.memory["claw_distance"][:, 0] < batch.settings["strike_radius_m"]
    found: Mask = touch & near
    return found


def _fallen(batch: Batch) -> Mask:
    height, settings = batch.qpos[:, 2], batch.settings
    low, high = settings["healthy_min_m"], settings["healthy_max_m"]
    found: Mask = (height < low) | (height > high)
    return found


def _tilted(batch: Batch) -> Mask:
    return view.up_z(batch) < math.cos(batch.settings["max_tilt_rad"])


def _either_below(part: str, height_m: float) -> Callable[[Batch], Mask]:
    def below(batch: Batch) -> Mask:
        heights = [batch.sensor(f"{foot}_{part}")[:, 2] for foot in view.FEET]
        return np.minimum(*heights) < height_m

    return below


def _below(part: str, height_m: float) -> Callable[[Batch], Mask]:
    return lambda batch: batch.sensor(part)[:, 2] < height_m


TERMINATIONS: Mapping[str, Callable[[Batch], Mask]] = {
    "fallen": _fallen,
    "tilted": _tilted,
    "knee_on_ground": _either_below("knee", 0.06),
    "shin_on_ground": _either_below("ankle", 0.035),
    "head_on_ground": _below("head", 0.15),
    "tail_on_ground": _below("tail_tip", 0.03),
}
"""Reason → who is down. Home has knees at .34 m and ankles at .14 m; the heights below mean contact."""


def _push_time(batch: Batch, now_s: float, rng: Rng) -> float:
    settings = batch.settings
    if settings["push_max_n_s"] <= 0:
        return _NEVER
    wait = rng.uniform(settings["push_interval_min_s"], settings["push_interval_max_s"])
    return float(now_s + wait)


def _goal_reached(batch: Batch) -> Mask:
    """Return the lanes that are to get a new goal: this one is reached or lies behind."""
    radius = batch.settings["goal_reach_m"]
    if radius <= 0:
        return np.zeros(batch.n, np.bool_)
    behind = view.bearing(batch)[0] < 0
    found: Mask = (view.goal_offset(batch)[2] < radius) | behind
    return found


def _place_goal(batch: Batch, lane: int, yaw: float, rng: Rng) -> None:
    """Put the goal ahead of the lane, as seen along `yaw`."""
    settings = batch.settings
    distance = rng.uniform(settings["goal_min_m"], settings["goal_max_m"])
    angle = yaw + settings["goal_turn_rad"] * rng.uniform(-1.0, 1.0)
    side = settings["goal_lateral_m"] * rng.uniform(-1.0, 1.0)
    x = batch.qpos[lane, 0] + distance * math.cos(angle) - side * math.sin(angle)
    y = batch.qpos[lane, 1] + distance * math.sin(angle) + side * math.cos(angle)
    batch.mocap_pos[lane, 0] = (x, y, PREY_HEIGHT_M)
    apart = math.hypot(x - batch.qpos[lane, 0], y - batch.qpos[lane, 1])
    batch.memory["goal_distance"][lane] = apart


def closing(batch: Batch) -> Array:
    """Return how fast the pelvis came nearer to the goal in this step, m/s, (n,)."""
    goal = batch.memory["goal_distance"]
    return (goal[:, 1] - goal[:, 0]) / batch.dt
