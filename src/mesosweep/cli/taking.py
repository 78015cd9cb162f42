"""From options to `Flags`: what a command is given, and what it makes of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeAlias

from mesosweep.cli.options import OPTIONS, PER_STAGE
from mesosweep.domain.errors import UsageError
from mesosweep.settings.flags import Flags

Command: TypeAlias = Callable[..., int]


def takes(names: Iterable[str]) -> Callable[[Command], Command]:
    """Give a command the named options; it receives them together, as its first argument."""
    wanted = tuple(names)

    def decorate(command: Command) -> Command:
        own = [
            # Typer calls with keywords alone, so the order of help is ours to choose.
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        ]

        @wraps(command)
        def wrapper(**given: Any) -> int:
            said = {name: given.pop(name) for name in wanted}
            return command(flags_from(said), **given)

        shared = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=OPTIONS[name]
            )
            for name in wanted
        ]
        parameters = [*shared, *own]
        # Typer reads the signature and the annotations, so both must tell the same.
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def flags_from(said: Mapping[str, Any]) -> Flags:
    """Return the options as `Flags`; what was not said stays None or empty.

    Raises:
        UsageError: two options contradict each other.
    """
    values = dict(said)
    forced = values.pop("force_continue", None)
    if forced and values.get("on_gate_fail") not in (None, "best"):
        raise UsageError(
            f"--force-continue contradicts --on-gate-fail {values['on_gate_fail']}.",
            hint="Give one of them.",
        )
    if forced:
        values["on_gate_fail"] = "best"
    if "override" in values:
        values["overrides"] = tuple(values.pop("override") or ())
    if "tracker" in values:
        values["trackers"] = tuple(values.pop("tracker") or ())
    if values.pop("wandb", None) and "wandb" not in values["trackers"]:
        values["trackers"] = (*values["trackers"], "wandb")
    if "label" in values:
        values["labels"] = tuple(values.pop("label") or ())
    if "trial_timeout" in values:
        values["trial_timeout_s"] = values.pop("trial_timeout")
    for name in PER_STAGE:
        if name in values:
            values[name] = _per_stage(name, values[name] or ())
    return Flags(**values)


def _per_stage(name: str, words: Iterable[str]) -> dict[int, int]:
    """Read `N=VALUE` words, into which argv's `--trials-stageN VALUE` was rewritten."""
    found: dict[int, int] = {}
    what = name.removesuffix("_stage")
    for word in words:
        stage, scoped, value = word.partition("=")
        if not scoped or not stage.isdigit() or int(stage) < 1:
            raise UsageError(
                f"--{what}-stageN: N must be the number of a stage.",
                hint=f"Write for instance --{what}-stage1 10",
            )
        flag = f"--{what}-stage{stage}"
        if not value.isdigit() or int(value) < 1:
            raise UsageError(
                f"{flag}: '{value}' is not a whole number above 0.",
                hint=f"Write for instance {flag} 10",
            )
        if int(stage) in found:
            raise UsageError(f"{flag}: given twice.")
        found[int(stage)] = int(value)
    return found
