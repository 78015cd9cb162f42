"""Everything that changes while training, as pure functions of the step: schedules, warm-up, ramp.

Nothing here remembers anything, so a resumed run sees the values of an unbroken one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mesosweep.algorithms.sb3 import SHAPES
from mesosweep.domain.errors import SettingsError, did_you_mean
from mesosweep.domain.space import Value

Shape: TypeAlias = Literal["constant", "linear", "cosine"]

RAMP_TICK = 1_000
"""Steps between changes of the ramped weight; changing it costs a call into the envs."""

_WARMUP_CLIP_RANGE = 0.02
_WARMUP_ENT_COEF = 0.02
_RAMP_START = 0.1
_KNOWN = frozenset(
    (
        *("warmup_timesteps", "warmup_fraction", "warmup_clip_range", "warmup_ent_coef"),
        *("ramp_timesteps", "ramp_fraction", "ramp_start_value"),
    )
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One value over the budget, from `start` at progress 0 to `end` at progress 1."""

    start: float
    end: float
    shape: Shape = "constant"

    def at(self, progress: float) -> float:
        """Return the value at a progress in [0, 1]."""
        if self.shape == "constant" or progress <= 0:
            return self.start
        if progress >= 1:
            return self.end
        if self.shape == "linear":
            return self.start + progress * (self.end - self.start)
        return self.end + (1 + math.cos(math.pi * progress)) / 2 * (self.start - self.end)


def schedules(
    hyperparameters: Mapping[str, Any], names: tuple[str, ...], *, algorithm: str
) -> dict[str, Schedule]:
    """Read the schedules of `names` from their values, their ends and `schedule`.

    An end is `<name>_end`, or `<name>_end_fraction` of the start, which follows a start
    that is searched. An end without `schedule` means linear.

    Raises:
        SettingsError: an unknown shape, a shape with nothing to bend, or two ends of one value.
    """
    ends = {name: _end(hyperparameters, name, algorithm=algorithm) for name in names}
    bent = [name for name, end in ends.items() if end is not None]
    shape: Any = hyperparameters.get("schedule") or ("linear" if bent else "constant")
    if shape not in SHAPES:
        raise SettingsError(
            f"{algorithm}.schedule: '{shape}' is none of {', '.join(SHAPES)}.",
            hint=did_you_mean(str(shape), SHAPES) or None,
        )
    if shape != "constant" and not bent:
        raise SettingsError(
            f"{algorithm}.schedule: '{shape}' has no value to change.",
            hint=f"Set one of {', '.join(f'{algorithm}.{name}_end' for name in names)}.",
        )
    found = {}
    for name in names:
        start, end = float(hyperparameters[name]), ends[name]
        if end is None:
            found[name] = Schedule(start, start)
        else:
            found[name] = Schedule(start, end, shape)
    return found


def _end(hyperparameters: Mapping[str, Any], name: str, *, algorithm: str) -> float | None:
    end = hyperparameters.get(f"{name}_end")
    fraction = hyperparameters.get(f"{name}_end_fraction")
    if end is not None and fraction is not None:
        raise SettingsError(
            f"{algorithm}.{name}_end: {name}_end_fraction says where it ends, too.",
            hint="Give one of them.",
        )
    if fraction is not None:
        return float(hyperparameters[name]) * float(fraction)
    return None if end is None else float(end)


@dataclass(frozen=True, slots=True)
class Shaping:
    """The gentle start after a warm start; both parts count from step 0."""

    warmup_steps: int = 0
    warmup_clip_range: float = _WARMUP_CLIP_RANGE
    warmup_ent_coef: float | None = None
    """None: 0.02 for PPO; as the parent left it for SAC."""
    ramp_steps: int = 0
    ramp_start: float = _RAMP_START
    ramp_end: float | None = None

    def warms(self, began: int) -> bool:
        """Whether an update belongs to the warm-up: its data began to be collected in it.

        So even a warm-up that is shorter than one rollout acts once.
        """
        return began < self.warmup_steps

    def ramp_at(self, step: int) -> float | None:
        """Return the ramped weight in force at a step; None when nothing is ramped."""
        if not self.ramp_steps or self.ramp_end is None:
            return None
        tick = step if step >= self.ramp_steps else step // RAMP_TICK * RAMP_TICK
        share = min(tick / self.ramp_steps, 1.0)
        if share == 1.0:
            return self.ramp_end
        return self.ramp_start + share * (self.ramp_end - self.ramp_start)


def shaping(curriculum: Mapping[str, Value], *, timesteps: int, ramp_end: float | None) -> Shaping:
    """Read warm-up and ramp, fitted to the budget.

    Absolute lengths are usually written for a longer run: together they are shrunk
    in proportion to at most half of the budget, so that a trial also sees the full
    weight. Fractions are obeyed.

    Raises:
        SettingsError: an unknown key, both forms of one length, a value out of range,
            or a ramp where nothing can be ramped.
    """
    for name in curriculum:
        if name not in _KNOWN:
            raise SettingsError(
                f"curriculum.{name}: unknown setting.",
                hint=f"{did_you_mean(name, _KNOWN)}Known: {', '.join(sorted(_KNOWN))}",
            )
    warmup, warmup_is_absolute = _length(curriculum, "warmup", timesteps)
    ramp, ramp_is_absolute = _length(curriculum, "ramp", timesteps)
    room = timesteps // 2 if warmup_is_absolute or ramp_is_absolute else timesteps
    if warmup + ramp > room:
        if not (warmup_is_absolute or ramp_is_absolute):
            raise SettingsError(
                "curriculum: warmup_fraction and ramp_fraction add up to more than 1.",
                hint="Lower one of them.",
            )
        shrink = room / (warmup + ramp)
        warmup, ramp = int(warmup * shrink), int(ramp * shrink)
    if ramp and ramp_end is None:
        raise SettingsError(
            "curriculum.ramp: this stage has no forward_vel_weight to ramp.",
            hint="Remove the curriculum_ramp_* settings, or set env.forward_vel_weight.",
        )
    entropy = curriculum.get("warmup_ent_coef")
    if entropy is not None and _number(curriculum, "warmup_ent_coef", 0) < 0:
        raise SettingsError(f"curriculum.warmup_ent_coef: {entropy} must not be below 0.")
    return Shaping(
        warmup_steps=warmup,
        warmup_clip_range=_positive(curriculum, "warmup_clip_range", _WARMUP_CLIP_RANGE),
        warmup_ent_coef=None if entropy is None else _number(curriculum, "warmup_ent_coef", 0),
        ramp_steps=ramp,
        ramp_start=_number(curriculum, "ramp_start_value", _RAMP_START),
        ramp_end=ramp_end,
    )


def ppo_warmup_ent_coef(shaped: Shaping) -> float:
    """Return the entropy coefficient of PPO's warm-up."""
    return _WARMUP_ENT_COEF if shaped.warmup_ent_coef is None else shaped.warmup_ent_coef


def _length(curriculum: Mapping[str, Value], part: str, timesteps: int) -> tuple[int, bool]:
    absolute, fraction = f"{part}_timesteps", f"{part}_fraction"
    if absolute in curriculum and fraction in curriculum:
        raise SettingsError(
            f"curriculum: {absolute} and {fraction} both say how long it lasts.",
            hint="Keep one of them.",
        )
    if fraction in curriculum:
        share = _number(curriculum, fraction, 0.0)
        if not 0 <= share <= 1:
            raise SettingsError(f"curriculum.{fraction}: {share:g} is outside [0, 1].")
        return round(share * timesteps), False
    steps = _number(curriculum, absolute, 0.0)
    if steps < 0 or not float(steps).is_integer():
        raise SettingsError(f"curriculum.{absolute}: {steps:g} is not a number of steps.")
    return int(steps), absolute in curriculum


def _number(curriculum: Mapping[str, Value], name: str, default: float) -> float:
    value = curriculum.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"curriculum.{name}: {value!r} is not a finite number.")
    return float(value)


def _positive(curriculum: Mapping[str, Value], name: str, default: float) -> float:
    value = _number(curriculum, name, default)
    if value <= 0:
        raise SettingsError(f"curriculum.{name}: {value:g} must be above 0.")
    return value
