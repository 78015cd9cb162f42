"""Numbers, times and parameters as people read them: short, with their unit, never ambiguous."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

from mesosweep.domain.score import Gate, Score
from mesosweep.domain.space import Value

NONE = "–"
"""Stands where nothing was measured; never a zero."""

_SHORT = {
    "learning_rate": "lr",
    "ent_coef": "ent",
    "batch_size": "batch",
    "net_arch": "net",
    "clip_range": "clip",
    "timesteps": "steps",
    "weight": "w",
}
_PREFIXES = ("env_", "curriculum_")


def number(value: float | None) -> str:
    """Write a reward-like number with about three significant digits: 1234, 56.7, 8.90, 0.123."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "not finite"
    size = abs(value)
    if size >= 999.5 or value == 0:
        return f"{value:.0f}" if size < 1e7 else f"{value:.3g}"
    if size >= 0.0995:
        return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"
    return f"{value:.2g}"


def scored(score: Score | None) -> str:
    """Write a score's mean with half of its 95 % interval."""
    return NONE if score is None else f"{number(score.mean_reward)} {_within(score.half_width)}"


def gain(winner: Score, other: Score | None) -> str:
    """Write how far the winner lies above `other`, with the 95 % interval of the difference."""
    if other is None:
        return NONE
    if not (winner.is_finite and other.is_finite):
        return "not finite"
    difference = winner.mean_reward - other.mean_reward
    sign = "+" if difference >= 0 else "-"
    return f"{sign}{number(abs(difference))} {_within(winner.half_width_from(other))}"


def _within(half_width: float | None) -> str:
    """Write how far a mean may be off; a single episode does not tell."""
    return "from one episode" if half_width is None else f"± {number(half_width)}"


def many(amount: int, what: str, plural: str | None = None) -> str:
    """Write a number of things: 1 trial, 3 trials, 1,200 steps."""
    return f"{amount:,} {what if amount == 1 else plural or f'{what}s'}"


def count(steps: float | None) -> str:
    """Write a number of steps: 950, 12.3k, 1.5M."""
    if steps is None:
        return NONE
    if steps < 1000:
        return f"{steps:.0f}"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999 960 rounds to 1000.0k; it reads better as 1M.
        if steps >= size * 0.99995:
            return f"{steps / size:.1f}".removesuffix(".0") + unit
    return f"{steps:.0f}"


def span(seconds: float | timedelta | None) -> str:
    """Write a duration: 8 s, 4 min, 1 h 05, 3 d 4 h."""
    if seconds is None:
        return NONE
    total = round(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    if total < 60:
        return f"{max(total, 0)} s"
    minutes = round(total / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d}"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def size(n_bytes: int) -> str:
    """Write a size: 512 B, 3.1 kB, 1.2 GB (powers of 1000, as disks are sold)."""
    amount = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def value(what: Value) -> str:
    """Write a parameter's value in three significant digits."""
    if isinstance(what, bool) or not isinstance(what, float):
        return str(what).lower() if isinstance(what, bool) else str(what)
    return f"{what:.3g}".replace("e-0", "e-").replace("e+0", "e+")


def parameters(assignment: Mapping[str, Value], *, algorithm: str) -> str:
    """Write an assignment on one line: `lr 2.3e-4 · batch 128 · alive_bonus 2.1`."""
    return " · ".join(f"{_name(n, algorithm)} {value(v)}" for n, v in assignment.items())


def _name(name: str, algorithm: str) -> str:
    bare = name.removeprefix(f"{algorithm}_")
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    return _SHORT.get(bare, bare)


def thresholds(gate: Gate) -> tuple[str, ...]:
    """Name what a gate asks for, one clause per threshold."""
    asked = (
        ("reward", gate.min_avg_reward, ""),
        ("length", gate.min_avg_episode_length, ""),
        ("velocity", gate.min_avg_forward_vel, " m/s"),
        ("success", gate.min_success_rate, ""),
    )
    return tuple(f"{what} ≥ {least:g}{unit}" for what, least, unit in asked if least is not None)
