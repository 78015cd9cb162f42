"""Terms over sensors by their names, for an animal of any make: no root, no feet are assumed.

Pure functions over a `Batch`, (n,) each, and factories of such functions where a
term needs to know a sensor or a size. Costs are positive here; the sign is in the weight.

Sensors the factories ask for, by their MuJoCo types: `framezaxis` for up (world
frame), `framexaxis` for ahead, `velocimeter` or `framelinvel` for velocity, `gyro`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mesosweep.ports import Array, Batch, Mask, Metric

Term: TypeAlias = Callable[[Batch], Array]
Test: TypeAlias = Callable[[Batch], Mask]


# ── being ────────────────────────────────────────────────────────────────────


def alive(batch: Batch) -> Array:
    """1 in every step that ends in no fall."""
    return 1.0 - batch.failed


def fell(batch: Batch) -> Array:
    """1 in the step that ends the episode by a termination. Weigh it negatively."""
    return batch.failed.astype(float)


def done(batch: Batch) -> Array:
    """1 in the step in which the task is done."""
    return batch.success.astype(float)


# ── effort ───────────────────────────────────────────────────────────────────


def energy(batch: Batch) -> Array:
    """Mean squared action, in [0, 1]."""
    return _mean(batch.action**2)


def jerkiness(batch: Batch) -> Array:
    """Mean squared change of the action since the last step, in [0, 4]; 0 in the first step."""
    change: Array = _mean((batch.action - batch.previous_action) ** 2)
    return np.where(batch.steps > 1, change, 0.0)


# ── posture ──────────────────────────────────────────────────────────────────


def tilt(up: str) -> Term:
    """Angle between the body's up and the world's, in radians, in [0, pi].

    `up` is a `framezaxis` sensor, or any (n, 3) sensor whose last number is the cosine.
    """
    return lambda batch: np.arccos(np.clip(batch.sensor(up)[:, 2], -1.0, 1.0))


def leaning(up: str, *, full_rad: float) -> Term:
    """Squared tilt, 1 from `full_rad` on: gentle near upright, bounded when falling."""
    angle = tilt(up)
    return lambda batch: np.minimum(angle(batch) / full_rad, 1.0) ** 2


def joint_deviation(first: int, last: int) -> Term:
    """Mean squared distance of `qpos[first:last]` from the model's own pose, in rad²."""

    def term(batch: Batch) -> Array:
        home = np.asarray(batch.model.qpos0)[first:last]
        return _mean((batch.qpos[:, first:last] - home) ** 2)

    return term


# ── motion ───────────────────────────────────────────────────────────────────


def speed(velocity: str, *, saturation: float) -> Term:
    """Horizontal speed over `saturation` (m/s), at most 1. A cost where one should stand."""
    return lambda batch: np.minimum(_norm2(batch.sensor(velocity)) / saturation, 1.0)


def speed_along(velocity: str, direction: Callable[[Batch], Array]) -> Term:
    """Velocity towards a goal in m/s; `direction` gives unit vectors (n, 2) in its frame."""
    return lambda batch: _dot2(batch.sensor(velocity), direction(batch))


def speed_across(velocity: str, direction: Callable[[Batch], Array], *, saturation: float) -> Term:
    """Sideways speed over `saturation` (m/s), at most 1."""

    def term(batch: Batch) -> Array:
        v, d = batch.sensor(velocity), direction(batch)
        return np.minimum(np.abs(v[:, 0] * d[:, 1] - v[:, 1] * d[:, 0]) / saturation, 1.0)

    return term


def progress(velocity: str, direction: Callable[[Batch], Array], *, saturation: float) -> Term:
    """Velocity towards a goal over `saturation` (m/s), in [-1, 1].

    Linear up to there, so that a slow animal feels the slope, and flat beyond, so that
    a fast one is not paid for lunging.
    """
    along = speed_along(velocity, direction)
    return lambda batch: np.clip(along(batch) / saturation, -1.0, 1.0)


def heading(ahead: str, direction: Callable[[Batch], Array]) -> Term:
    """Cosine of the angle between where the body looks and the goal, in [-1, 1].

    `ahead` is a `framexaxis` sensor; both are compared in the horizontal plane.
    """

    def term(batch: Batch) -> Array:
        x = batch.sensor(ahead)
        return _dot2(x, direction(batch)) / np.maximum(_norm2(x), 1e-9)

    return term


def spin(gyro: str, *, saturation: float) -> Term:
    """Yaw rate over `saturation` (rad/s), at most 1."""
    return lambda batch: np.minimum(np.abs(batch.sensor(gyro)[:, 2]) / saturation, 1.0)


def drift(position: str, home: str) -> Term:
    """Horizontal distance in metres from where the episode began.

    `position` is a `framepos` sensor; `home` names two numbers of memory that `start` wrote.
    """
    return lambda batch: _norm2(batch.sensor(position)[:, :2] - batch.memory[home])


def approach(distance: str, before: str, *, saturation: float, within: float = np.inf) -> Term:
    """Closing speed over `saturation` (m/s), in [-1, 1], while nearer than `within` metres.

    `distance` and `before` name one number of memory each, that `advance` keeps: the
    distance to the goal after this step and after the last one. A difference of
    potentials: pacing to and fro earns nothing.
    """

    def term(batch: Batch) -> Array:
        now, then = batch.memory[distance][:, 0], batch.memory[before][:, 0]
        closing = np.clip((then - now) / (saturation * batch.dt), -1.0, 1.0)
        return np.where(now < within, closing, 0.0)

    return term


# ── when to stop ─────────────────────────────────────────────────────────────


def below(position: str, height: float) -> Test:
    """Whether a `framepos` sensor is lower than `height` metres."""
    return lambda batch: batch.sensor(position)[:, 2] < height


def above(position: str, height: float) -> Test:
    """Whether a `framepos` sensor is higher than `height` metres."""
    return lambda batch: batch.sensor(position)[:, 2] > height


def tilted(up: str, *, beyond_rad: float) -> Test:
    """Whether the tilt exceeds `beyond_rad`."""
    least = float(np.cos(beyond_rad))
    return lambda batch: batch.sensor(up)[:, 2] < least


def touched(touch: str, *, least_n: float = 0.0) -> Test:
    """Whether a `touch` sensor read more than `least_n` newtons in any physics step."""
    return lambda batch: np.asarray((batch.sensor_substeps(touch) > least_n).any(axis=(1, 2)))


# ── metrics ──────────────────────────────────────────────────────────────────


def forward_velocity(velocity: str, direction: Callable[[Batch], Array]) -> Metric:
    """Distance towards the goal over the time of a full episode: what `Gate` asks for."""
    along = speed_along(velocity, direction)
    summary = "distance towards the goal over the time of a full episode"
    return Metric(summary=summary, unit="m/s", value=along, over="per_horizon")


def _mean(values: Array) -> Array:
    mean: Array = values.mean(axis=1)
    return mean


def _dot2(a: Array, b: Array) -> Array:
    dot: Array = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]
    return dot


def _norm2(a: Array) -> Array:
    length: Array = np.sqrt(a[:, 0] ** 2 + a[:, 1] ** 2)
    return length
