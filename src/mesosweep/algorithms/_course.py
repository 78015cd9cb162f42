"""What a PPO training does beyond SB3's: read once from its lesson, the same at every resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Lesson

_LEAST, _MOST = 1e-5, 1e-2
_UP, _DOWN = 1.2, 1.5
_VALUE_WARMUP = ("value_warmup_timesteps", "value_warmup_fraction")


@dataclass(frozen=True, slots=True)
class Steering:
    """Holds the divergence per update near `desired` by the learning rate, within bounds.

    Raising is slower than lowering: a step that was too large does harm, one that was too
    small costs time only. Bounds matter: with small batches the divergence is mostly
    noise, and an unbounded rate falls until nothing is learned.
    """

    desired: float
    least: float
    most: float

    def after(self, rate: float, divergence: float) -> float:
        """Return the learning rate after an update with this approximate KL divergence."""
        if divergence > self.desired * _DOWN:
            return max(rate / _DOWN, self.least)
        if divergence < self.desired / _DOWN:
            return min(rate * _UP, self.most)
        return rate


@dataclass(frozen=True, slots=True)
class Course:
    """The options of one training that change what its updates do."""

    steering: Steering | None
    value_warmup: int
    """Steps after a warm start in which only the critic learns; 0 after a cold one."""
    ema_decay: float
    """Share of the averaged policy that an update leaves; 0: nothing is averaged."""
    log_std_reset: float | None
    """Where exploration begins after a warm start; None where the parent left it."""

    def learns_value_only(self, began: int) -> bool:
        """Whether an update on data collected since step `began` leaves the policy alone."""
        return began < self.value_warmup


def course(hyper: Mapping[str, Any], lesson: Lesson) -> Course:
    """Read the options, fitted to the lesson.

    Raises:
        SettingsError: they contradict each other, or are out of range.
    """
    if "log_std_max_end" in hyper and "log_std_max" not in hyper:
        raise SettingsError(
            "ppo.log_std_max_end: there is no ppo.log_std_max that could end there.",
            hint="Set ppo_log_std_max, where the cap begins.",
        )
    decay = hyper.get("ema_decay", 0.0)
    if decay == 1:
        raise SettingsError(
            "ppo.ema_decay: 1 would keep the weights of the start for ever.",
            hint="Common values lie between 0.9 and 0.99.",
        )
    warmup, is_warm = _value_warmup(hyper, lesson.timesteps), lesson.parent is not None
    return Course(
        steering=_steering(hyper),
        value_warmup=warmup if is_warm else 0,
        ema_decay=decay,
        log_std_reset=hyper.get("log_std_reset") if is_warm else None,
    )


def _steering(hyper: Mapping[str, Any]) -> Steering | None:
    bounds = [name for name in ("learning_rate_min", "learning_rate_max") if name in hyper]
    if "desired_kl" not in hyper:
        if bounds:
            raise SettingsError(
                f"ppo.{bounds[0]}: it bounds the learning rate that ppo.desired_kl steers, and that is not set.",
                hint=f"Set ppo_desired_kl (0.02, say), or leave ppo_{bounds[0]} out.",
            )
        return None
    for end in ("learning_rate_end", "learning_rate_end_fraction"):
        if end in hyper:
            raise SettingsError(
                f"ppo.{end}: the learning rate is steered by ppo.desired_kl already.",
                hint="Give one of them.",
            )
    start = hyper["learning_rate"]
    least = hyper.get("learning_rate_min", min(_LEAST, start))
    most = hyper.get("learning_rate_max", max(_MOST, start))
    if not least <= start <= most:
        raise SettingsError(
            f"ppo.learning_rate: it starts at {start:g}, outside of its bounds {least:g} and {most:g}.",
            hint="Move ppo_learning_rate_min or ppo_learning_rate_max.",
        )
    return Steering(hyper["desired_kl"], least, most)


def _value_warmup(hyper: Mapping[str, Any], timesteps: int) -> int:
    """Return its length; an absolute one, written for a longer run, takes at most half of this one."""
    absolute, fraction = (hyper.get(name) for name in _VALUE_WARMUP)
    if absolute is not None and fraction is not None:
        raise SettingsError(
            f"ppo: {_VALUE_WARMUP[0]} and {_VALUE_WARMUP[1]} both say how long it lasts.",
            hint="Keep one of them.",
        )
    if fraction is not None:
        return round(float(fraction) * timesteps)
    return min(int(absolute or 0), timesteps // 2)
