"""A one-legged animal that hops to a prey: as small as a species can be that uses everything."""

from __future__ import annotations

import numpy as np

from mesosweep.api import Array, Batch, Body, Mask, Metric, Rng, terms

_REACH = np.array([0.8, 0.69, 0.5])


def observe(batch: Batch) -> Array:
    goal = batch.mocap_pos[:, 0, :2] - batch.sensor("position")[:, :2]
    return np.concatenate(
        [
            batch.qpos[:, 7:],
            batch.qvel[:, 6:] * 0.1,
            batch.sensor("up"),
            batch.sensor("gyro"),
            goal,
        ],
        axis=1,
    )


def control(batch: Batch, action: Array) -> Array:
    target: Array = action * _REACH
    return target


def start(batch: Batch, lane: int, rng: Rng) -> None:
    batch.qpos[lane, 7:] += rng.uniform(-0.05, 0.05, 3)
    batch.qvel[lane] = rng.normal(0.0, 0.05, batch.model.nv)
    batch.mocap_pos[lane, 0, :2] = rng.uniform(-2.0, 2.0, 2)
    batch.memory["next_push"][lane] = rng.integers(5, 20)


def push_is_due(batch: Batch) -> Mask:
    return np.asarray(batch.steps >= batch.memory["next_push"][:, 0])


def push(batch: Batch, lane: int, rng: Rng) -> None:
    batch.qvel[lane, :2] += rng.normal(0.0, batch.settings["push"], 2)
    batch.memory["next_push"][lane] += rng.integers(5, 20)


def advance(batch: Batch) -> None:
    batch.memory["distance"][:, 1] = batch.memory["distance"][:, 0]
    gap = batch.mocap_pos[:, 0, :2] - batch.qpos[:, :2]
    batch.memory["distance"][:, 0] = np.sqrt(gap[:, 0] ** 2 + gap[:, 1] ** 2)


def to_prey(batch: Batch) -> Array:
    gap = batch.mocap_pos[:, 0, :2] - batch.qpos[:, :2]
    length = np.sqrt(gap[:, :1] ** 2 + gap[:, 1:] ** 2)
    direction: Array = gap / np.maximum(length, 1e-6)
    return direction


def near_prey(batch: Batch) -> Mask:
    return np.asarray(batch.memory["distance"][:, 0] < batch.settings["reach"])


NAMES = (
    *("hip", "knee", "ankle", "hip_rate", "knee_rate", "ankle_rate"),
    *("up_x", "up_y", "up_z", "roll_rate", "pitch_rate", "yaw_rate", "goal_x", "goal_y"),
)

BODY = Body(
    model="hopper_species:hopper.xml",
    frame_skip=4,
    observation_low=[-20.0] * len(NAMES),
    observation_high=[20.0] * len(NAMES),
    observation_names=NAMES,
    observe=observe,
    control=control,
    start=start,
    rewards={
        "alive_weight": terms.alive,
        "fall_weight": terms.fell,
        "energy_weight": terms.energy,
        "smooth_weight": terms.jerkiness,
        "posture_weight": terms.leaning("up", full_rad=0.8),
        "forward_vel_weight": terms.progress("velocity", to_prey, saturation=1.0),
        "task_bonus": terms.done,
    },
    terminations={
        "low": terms.below("position", 0.35),
        "tilted": terms.tilted("up", beyond_rad=1.0),
    },
    success=near_prey,
    disturb=push,
    due=push_is_due,
    advance=advance,
    memory={"next_push": 1, "distance": 2},
    metrics={
        "forward_velocity": terms.forward_velocity("velocity", to_prey),
        "tilt": Metric("mean tilt", "rad", terms.tilt("up")),
        "highest": Metric("highest", "m", lambda batch: batch.sensor("position")[:, 2], "max"),
        "effort": Metric("effort in all", "", terms.energy, "sum"),
        "last_tilt": Metric("tilt at the end", "rad", terms.tilt("up"), "last"),
    },
)

SETTINGS = {
    "horizon_s": 2.0,
    "alive_weight": 1.0,
    "fall_weight": -10.0,
    "energy_weight": -0.05,
    "smooth_weight": -0.1,
    "posture_weight": -0.5,
    "forward_vel_weight": 0.0,
    "task_bonus": 0.0,
    "push": 0.3,
    "reach": 0.4,
}
