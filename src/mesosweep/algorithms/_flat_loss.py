"""PPO's loss on one minibatch, and its slopes by hand: Schulman et al. 2017, equations 7 and 9."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mesosweep.algorithms._flat import HALF_LOG_TWO_PI, FlatPolicy, log_prob_of
from mesosweep.algorithms._stack import Floats


@dataclass(frozen=True, slots=True)
class Terms:
    """What the loss is made of during one update; as SB3's PPO means them."""

    clip_range: float
    clip_range_vf: float | None
    ent_coef: float
    vf_coef: float
    normalize_advantage: bool
    value_only: bool = False
    """Leave the policy alone: only the critic learns."""


class Batch:
    """A minibatch: columns of one array that is filled anew each time."""

    def __init__(self, rollout: Any) -> None:
        """Pack the flattened samples of a `Rollout`."""
        columns = [rollout.observations, rollout.actions]
        columns += [
            getattr(rollout, name).reshape(-1, 1)
            for name in ("log_probs", "advantages", "returns", "values")
        ]
        self._all: Floats = np.concatenate(columns, axis=1, dtype=np.float32)
        self._split = np.cumsum([column.shape[1] for column in columns])
        self._memory: dict[int, Floats] = {}

    def __len__(self) -> int:
        return len(self._all)

    def take(self, rows: Any) -> None:
        """Fill the columns with these samples."""
        memory = self._memory.get(len(rows))
        if memory is None:
            memory = np.empty((len(rows), self._all.shape[1]), np.float32)
            self._memory[len(rows)] = memory
        # "clip" is the mode that writes straight into `out`.
        np.take(self._all, rows, axis=0, out=memory, mode="clip")
        seen, done = self._split[:2]
        self.observations, self.actions = memory[:, :seen], memory[:, seen:done]
        self.old_log_probs, self.advantages = memory[:, done], memory[:, done + 1]
        self.returns, self.old_values = memory[:, done + 2], memory[:, done + 3]


@dataclass(frozen=True, slots=True)
class Slopes:
    """The loss's slopes at the outputs of the network, and what is told of the loss."""

    mean: Floats
    """(rows, actions)."""
    value: Floats
    """(rows,)."""
    log_std: Floats
    """(actions,)."""
    log_ratio: Floats
    """(rows,): how much likelier the actions have become, as a logarithm."""
    surrogate: Floats
    """(rows,): the clipped objective."""
    value_loss: float
    entropy: float
    """Of the policy, which is the same everywhere."""


def slopes(net: FlatPolicy, mean: Floats, value: Floats, batch: Batch, terms: Terms) -> Slopes:
    """Return the slopes of the loss where the network says `mean` and `value`."""
    share = np.float32(1 / len(value))
    advantages: Floats = batch.advantages
    if terms.normalize_advantage and len(advantages) > 1:
        advantages = advantages - np.add.reduce(advantages) * share
        std = np.sqrt(np.dot(advantages, advantages) / np.float32(len(advantages) - 1))
        advantages /= std + np.float32(1e-8)
    precision = np.exp(-net.log_std)
    noise: Floats = batch.actions - mean
    noise *= precision
    squares, spread = noise * noise, float(np.add.reduce(net.log_std))
    log_ratio = log_prob_of(squares, spread)
    log_ratio -= batch.old_log_probs
    ratio = np.exp(log_ratio)
    clip = terms.clip_range
    plain = advantages * ratio
    clipped = np.minimum(np.maximum(ratio, np.float32(1 - clip)), np.float32(1 + clip))
    clipped *= advantages
    surrogate = np.minimum(plain, clipped)
    # Where clipping wins, the surrogate is flat. Ties go to the slope: inside the range
    # both are the same.
    weight = plain * (plain <= clipped)
    weight *= -share
    log_std: Floats = np.matmul(weight, squares)
    log_std -= np.add.reduce(weight) + np.float32(terms.ent_coef)
    noise *= weight[:, None]
    noise *= precision
    if terms.value_only:
        noise[...] = 0
        log_std[...] = 0
    error, within = _value_error(value, batch, terms)
    value_loss = float(np.dot(error, error) * share)
    error *= np.float32(2 * terms.vf_coef) * share
    if within is not None:
        error *= within
    entropy = spread + net.actions * (0.5 + HALF_LOG_TWO_PI)
    return Slopes(noise, error, log_std, log_ratio, surrogate, value_loss, entropy)


def _value_error(value: Floats, batch: Batch, terms: Terms) -> tuple[Floats, Any]:
    """Return predicted minus real returns, and where the prediction is not held back."""
    if terms.clip_range_vf is None:
        return value - batch.returns, None
    most = np.float32(terms.clip_range_vf)
    change = value - batch.old_values
    held = np.minimum(np.maximum(change, -most), most)
    held += batch.old_values
    return held - batch.returns, np.abs(change) <= most
