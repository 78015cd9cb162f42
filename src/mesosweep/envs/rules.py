"""What a stage's env settings say: weights of the reward, length of an episode, the task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mesosweep.domain.errors import PluginError, SettingsError, did_you_mean
from mesosweep.ports import Array, Batch, Body

Term = tuple[str, float, Callable[[Batch], Array]]


def weighted_terms(body: Body, settings: Mapping[str, Any]) -> tuple[Term, ...]:
    """Return name, weight and function of each reward term whose weight is not zero.

    Raises SettingsError when a weight is missing or not a finite number.
    """
    weighed = [(name, number(settings, name), term) for name, term in body.rewards.items()]
    return tuple(entry for entry in weighed if entry[1] != 0.0)


def horizon_steps(settings: Mapping[str, Any], dt: float) -> int:
    """Return the control steps of a full episode, at least 1; raises SettingsError."""
    seconds = number(settings, "horizon_s")
    steps = round(seconds / dt)
    if steps < 1:
        raise SettingsError(
            f"env setting 'horizon_s' is {seconds:g} s, shorter than one control step ({dt:g} s)."
        )
    return steps


def has_task(body: Body, settings: Mapping[str, Any]) -> bool:
    """Whether the stage declares a task, `task = true`; raises SettingsError, PluginError."""
    declared = settings.get("task", False)
    if not isinstance(declared, bool):
        raise SettingsError(f"env setting 'task' must be true or false (got {declared!r}).")
    if declared and body.success is None:
        raise PluginError("The stage declares a task (task = true), but the body has no `success`.")
    return declared


def number(settings: Mapping[str, Any], name: str) -> float:
    """Return a setting that must be a finite number; raises SettingsError."""
    if name not in settings:
        raise unknown_setting(name, settings)
    value = settings[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"env setting '{name}' must be a finite number (got {value!r}).")
    return float(value)


def unknown_setting(name: str, known: Iterable[str]) -> SettingsError:
    names = sorted(known)
    return SettingsError(
        f"The stage has no env setting '{name}'.",
        hint=f"{did_you_mean(name, names)}It has: {', '.join(names)}",
    )
