"""Hyperparameters as a learner meets them: known names, right types, possible values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mesosweep.algorithms.sb3 import ACTIVATIONS, NET_ARCH
from mesosweep.domain.errors import SettingsError, did_you_mean
from mesosweep.plugins import Algorithm

_ABOVE_ZERO = frozenset(
    (
        *("learning_rate", "n_steps", "batch_size", "n_epochs", "clip_range", "clip_range_vf"),
        *("policy_delay", "cg_max_steps", "line_search_shrinking_factor", "line_search_max_iter"),
        *("n_critic_updates", "sub_sampling_factor"),
        *("max_grad_norm", "target_kl", "buffer_size", "train_freq", "target_update_interval"),
        *("tau", "gamma", "desired_kl", "learning_rate_min", "learning_rate_max"),
    )
)
_NOT_BELOW_ZERO = frozenset(
    (
        *("ent_coef", "vf_coef", "gae_lambda", "learning_starts"),
        *("top_quantiles_to_drop_per_net", "cg_damping", "target_kl_end", "target_kl_end_fraction"),
        *("learning_rate_end", "clip_range_end", "ent_coef_end"),
        *("learning_rate_end_fraction", "clip_range_end_fraction", "ent_coef_end_fraction"),
        *("value_warmup_timesteps", "value_warmup_fraction", "ema_decay"),
    )
)
_AT_MOST_ONE = frozenset(
    (
        *("gamma", "gae_lambda", "tau", "value_warmup_fraction", "ema_decay"),
        "line_search_shrinking_factor",
    )
)


def resolved(algorithm: Algorithm, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters over the algorithm's defaults, each of its kind.

    A value of None means "not set". What a checkpoint fixes (`net_arch`, …) has no
    default, so that asking for it can be told from saying nothing.

    Raises:
        SettingsError: names the first hyperparameter that is unknown or impossible.
    """
    found = dict(algorithm.defaults)
    for name, value in given.items():
        if name not in algorithm.hyperparameters:
            known = sorted(algorithm.hyperparameters)
            raise SettingsError(
                f"{algorithm.name}.{name}: unknown hyperparameter of {algorithm.name}.",
                hint=f"{did_you_mean(name, known)}Known: {', '.join(known)}",
            )
        if value is not None:
            found[name] = _of_kind(algorithm, name, value)
    for name, value in found.items():
        _check_range(f"{algorithm.name}.{name}", name, value)
    return found


def _of_kind(algorithm: Algorithm, name: str, value: Any) -> Any:
    where, kind = f"{algorithm.name}.{name}", algorithm.hyperparameters[name]
    if kind == "net_arch":
        return net_arch(value, where=where)
    if kind == "bool":
        if not isinstance(value, bool):
            raise SettingsError(f"{where}: {value!r} is neither true nor false.")
        return value
    if kind == "str":
        return value if isinstance(value, str) else str(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"{where}: {value!r} is not a finite number.")
    if kind == "int":
        if not float(value).is_integer():
            raise SettingsError(f"{where}: {value!r} is not a whole number.")
        return int(value)
    return float(value)


def net_arch(value: Any, *, where: str) -> tuple[int, ...]:
    """Read hidden layers: a preset's name, or the units of each layer."""
    if isinstance(value, str):
        if value not in NET_ARCH:
            raise SettingsError(
                f"{where}: no preset '{value}'.",
                hint=f"{did_you_mean(value, NET_ARCH)}Known: {', '.join(NET_ARCH)}",
            )
        return NET_ARCH[value]
    try:
        layers = tuple(int(units) for units in value)
    except (TypeError, ValueError):
        layers = ()
    if not layers or any(units < 1 for units in layers):
        raise SettingsError(
            f"{where}: {value!r} is no list of layer sizes.",
            hint=f"Write a list such as [256, 256], or one of {', '.join(NET_ARCH)}.",
        )
    return layers


def _check_range(where: str, name: str, value: Any) -> None:
    if name == "activation_fn" and value not in ACTIVATIONS:
        raise SettingsError(f"{where}: '{value}' is none of {', '.join(ACTIVATIONS)}.")
    if isinstance(value, str | bool | tuple):
        return
    if name in _ABOVE_ZERO and not value > 0:
        raise SettingsError(f"{where}: {value:g} must be above 0.")
    if name in _NOT_BELOW_ZERO and value < 0:
        raise SettingsError(f"{where}: {value:g} must not be below 0.")
    if name in _AT_MOST_ONE and value > 1:
        raise SettingsError(f"{where}: {value:g} must not be above 1.")
