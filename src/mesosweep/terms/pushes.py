"""Pushes at random times: jumps of the root's horizontal velocity."""

from __future__ import annotations

import math

from mesosweep.ports import Batch, Mask, Rng

MEMORY = {"next_push_s": 1, "pushes": 1}
_NEVER = 1e9


def begin(batch: Batch, lane: int, rng: Rng) -> None:
    """Draw when one lane is pushed first; for `start`."""
    batch.memory["next_push_s"][lane] = _next(batch, 0.0, rng)


def due(batch: Batch) -> Mask:
    """Return the lanes whose time for a push has come, (n,)."""
    return batch.steps * batch.dt >= batch.memory["next_push_s"][:, 0]


def push(batch: Batch, lane: int, rng: Rng, *, mass_kg: float) -> None:
    """Push one lane in any direction, and draw when it is pushed next.

    The stage says how: `push_min_n_s` to `push_max_n_s` newton-seconds, every
    `push_interval_min_s` to `push_interval_max_s`.
    """
    settings, memory = batch.settings, batch.memory
    impulse = rng.uniform(settings["push_min_n_s"], settings["push_max_n_s"])
    angle = rng.uniform(-math.pi, math.pi)
    batch.qvel[lane, 0] += impulse / mass_kg * math.cos(angle)
    batch.qvel[lane, 1] += impulse / mass_kg * math.sin(angle)
    memory["pushes"][lane] += 1
    memory["next_push_s"][lane] = _next(batch, batch.steps[lane] * batch.dt, rng)


def _next(batch: Batch, now_s: float, rng: Rng) -> float:
    settings = batch.settings
    if settings["push_max_n_s"] <= 0:
        return _NEVER
    wait = rng.uniform(settings["push_interval_min_s"], settings["push_interval_max_s"])
    return float(now_s + wait)
