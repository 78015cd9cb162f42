"""The animal put together: what it sees, how it moves, what it is paid and measured by."""

from __future__ import annotations

import math

import numpy as np

from mesosweep.api import Array, Batch, Body, Metric
from mesosweep_velociraptor import episode, view
from mesosweep_velociraptor.plant import HINGES, control
from mesosweep_velociraptor.rewards import REWARDS

_SENSES: tuple[tuple[str, float, float], ...] = (
    *((f"angle_{hinge}", -2.0, 2.0) for hinge in HINGES),
    *((f"speed_{hinge}", -10.0, 10.0) for hinge in HINGES),
    *((f"up_{axis}", -1.0, 1.0) for axis in "xyz"),
    *((f"turn_rate_{axis}", -50.0, 50.0) for axis in "xyz"),
    *((f"velocity_{axis}", -20.0, 20.0) for axis in "xyz"),
    ("pelvis_height", 0.0, 2.0),
    ("left_stands", 0.0, 1.0),
    ("right_stands", 0.0, 1.0),
    ("clock_sine", -1.0, 1.0),
    ("clock_cosine", -1.0, 1.0),
    ("goal_ahead", -1.0, 1.0),
    ("goal_left", -1.0, 1.0),
    ("goal_distance", 0.0, 2.0),
)


def observe(batch: Batch) -> Array:
    """Return what each lane feels and sees, (n, 65), all in the animal's own frame.

    Angles in rad, joint speeds in 10 rad/s, turn rates in rad/s, velocities in m/s, the
    distance of the goal in 5 m up to 10 m.
    """
    turned = view.rotation(batch)
    seen = np.empty((batch.n, len(_SENSES)))
    seen[:, 0:24] = batch.qpos[:, 7:]
    seen[:, 24:48] = 0.1 * batch.qvel[:, 6:]
    seen[:, 48:51] = turned[:, 2]
    seen[:, 51:54] = batch.qvel[:, 3:6]
    seen[:, 54:57] = np.einsum("nij,ni->nj", turned, batch.qvel[:, :3])
    seen[:, 57] = batch.qpos[:, 2]
    seen[:, 58:60] = view.standing_on(batch)
    clock = 2 * math.pi * view.phase(batch)[:, 0]
    seen[:, 60], seen[:, 61] = np.sin(clock), np.cos(clock)
    seen[:, 62], seen[:, 63] = view.bearing(batch)
    seen[:, 64] = 0.2 * np.minimum(view.goal_offset(batch)[2], 10.0)
    return seen


def _speed(batch: Batch) -> Array:
    return np.asarray(np.hypot(batch.qvel[:, 0], batch.qvel[:, 1]))


def _gone(batch: Batch) -> Array:
    return np.asarray(np.hypot(batch.qpos[:, 0], batch.qpos[:, 1]))


def _in_flight(batch: Batch) -> Array:
    left, right = view.standing_on(batch).T
    return np.where(left | right, 0.0, 1.0)


def _off_course(batch: Batch) -> Array:
    ahead, left = view.bearing(batch)
    return np.abs(np.arctan2(left, ahead))


def _alternation(batch: Batch) -> Array:
    feet = batch.memory["footfall"]
    return feet[:, 4] / np.maximum(feet[:, 3] - 1, 1)


METRICS = {
    "forward_velocity": Metric(
        "speed towards the goal, over the time of a full episode",
        "m/s",
        view.goal_speed,
        over="per_horizon",
    ),
    "speed": Metric(
        "horizontal speed of the pelvis while alive",
        "m/s",
        _speed,
    ),
    "drift": Metric(
        "distance from the start at the end",
        "m",
        _gone,
        over="last",
    ),
    "tilt": Metric("angle of the pelvis to upright", "rad", view.tilt),
    "off_course": Metric(
        "angle between body and goal",
        "rad",
        _off_course,
    ),
    "pushes": Metric(
        "pushes received", "1", lambda batch: batch.memory["pushes"][:, 0], over="last"
    ),
    "footfalls": Metric(
        "times a foot came down", "1", lambda batch: batch.memory["footfall"][:, 3], over="last"
    ),
    "alternation": Metric(
        "share of footfalls that followed one of the other foot", "1", _alternation, over="last"
    ),
    "flight": Metric(
        "share of time with no foot on the ground",
        "1",
        _in_flight,
    ),
    "claw_distance": Metric(
        "least distance of a claw from the prey's centre (or the goal's)",
        "m",
        lambda batch: batch.memory["claw_distance"][:, 2],
        over="last",
    ),
}

BODY = Body(
    model="mesosweep_velociraptor:assets/raptor.xml",
    frame_skip=4,
    observation_low=[low for _, low, _ in _SENSES],
    observation_high=[high for _, _, high in _SENSES],
    observation_names=[name for name, _, _ in _SENSES],
    observe=observe,
    control=control,
    start=episode.start,
    rewards=REWARDS,
    terminations=episode.TERMINATIONS,
    success=episode.struck,
    disturb=episode.disturb,
    due=episode.due,
    advance=episode.advance,
    memory=episode.MEMORY,
    metrics=METRICS,
)
