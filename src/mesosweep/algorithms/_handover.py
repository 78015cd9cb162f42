"""What a warm start takes from its parent: network, weights, log-alpha, observation statistics.

What it does not take: optimiser moments, return statistics, schedules, step counter,
replay buffer. Those belong to a lesson, not to what was learned in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch as th

from mesosweep.algorithms._normalise import read_statistics
from mesosweep.algorithms._session import Session
from mesosweep.algorithms._weights import Structure, Weights, put_policy
from mesosweep.domain.errors import SettingsError

_FIXED = ("net_arch", "activation_fn", "use_sde")


def structure_for(
    hyper: Mapping[str, Any], parent: Weights | None, *, default: Structure
) -> Structure:
    """Return the network to build: the parent's, or what was asked for over the default.

    Raises:
        SettingsError: something else than the parent's network was asked for.
    """
    asked = {name: hyper[name] for name in _FIXED if name in hyper}
    if parent is None:
        return Structure(**{**asdict(default), **asked})
    for name, wanted in asked.items():
        if wanted != (fixed := getattr(parent.structure, name)):
            raise SettingsError(
                f"{default.algorithm}.{name}: {_told(wanted)} was asked for, but "
                f"{parent.path} was trained with {_told(fixed)}.",
                hint=f"Leave {default.algorithm}_{name} out: a warm start keeps its parent's network.",
            )
    return parent.structure


def warm_start(session: Session, parent: Weights) -> None:
    """Begin where the parent ended.

    Raises:
        CheckpointDamaged: weights or statistics are missing, damaged or of other shapes.
    """
    shape = session.env.observation_space.shape
    assert shape is not None  # MlpPolicy takes boxes only
    lens = read_statistics(parent.path, observation_shape=shape)
    put_policy(parent, session.model.policy)
    session.env.see_through(lens)
    log_alpha = getattr(session.model, "log_ent_coef", None)
    if log_alpha is None:
        return
    seed = session.shaping.warmup_ent_coef if session.shaping.warmup_steps else None
    with th.no_grad():
        # The tensor itself: SAC reads alpha from here, not from `ent_coef`. Zero has no
        # logarithm: then the parent's alpha stays.
        if seed:
            log_alpha.fill_(math.log(seed))
        elif parent.log_alpha is not None:
            log_alpha.copy_(parent.log_alpha)


def _told(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
