"""SAC's actor, a squashed Gaussian, as one flat float32 vector: Haarnoja et al. 2018, appendix C."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th

from mesosweep.algorithms._activations import activation_of
from mesosweep.algorithms._flat import HALF_LOG_TWO_PI
from mesosweep.algorithms._stack import Cutter, Floats, Run, Stack, Vector

_LEAST, _MOST = np.float32(-20), np.float32(2)
"""Bounds of the log std, SB3's `LOG_STD_MIN` and `LOG_STD_MAX`."""
_TINY = np.float32(1e-6)
"""What keeps the logarithm of squashing finite, SB3's `epsilon`."""


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """Actions that were drawn, and what the backward pass needs of them."""

    run: Run
    actions: Floats
    """(rows, act), within (-1, 1)."""
    log_prob: Floats
    """(rows,)."""
    spread: Floats
    """Standard deviation times noise, (rows, act); 0 where the former is at a bound."""
    free: Any
    """(rows, act): where the log std is within its bounds."""


class SquashedActor:
    """Draws actions tanh(mean + std · noise), and differentiates through them."""

    def __init__(self, actor: Any) -> None:
        net = actor.latent_pi
        activation = activation_of(net[1])
        assert activation is not None
        widths = [linear.out_features for linear in net[::2]]
        named = {name: tuple(p.shape) for name, p in actor.named_parameters()}
        shapes = {name: named[name] for name in _in_order(len(widths))}
        assert named.keys() == shapes.keys()
        self.parameters, self.gradient = Vector(shapes), Vector(shapes)
        self._size = named["mu.bias"][0]
        self._hidden = Stack(1, net[0].in_features, widths, activation)
        values, slopes = Cutter(self.parameters), Cutter(self.gradient)
        self._hidden.bind(values, slopes)
        # Mean and log std side by side: one matrix.
        self._weight, self._bias = (values.take(2 * self._size, widths[-1]), values.take(2 * self._size))  # fmt: skip
        self._weight_slope, self._bias_slope = (slopes.take(2 * self._size, widths[-1]), slopes.take(2 * self._size))  # fmt: skip

    def play(self, observations: Floats, *, name: str) -> Played:
        """Draw an action for each row by torch's generator; plays of different names can coexist."""
        run = self._hidden.run(len(observations), name=name)
        self._hidden.forward(observations, run)
        said: Floats = run.top @ self._weight.T
        said += self._bias
        mean, log_std = said[:, : self._size], said[:, self._size :]
        free = (log_std >= _LEAST) & (log_std <= _MOST)
        log_std = np.minimum(np.maximum(log_std, _LEAST), _MOST)
        # Both arguments as tensors: that is how torch's distributions draw.
        noise = th.normal(th.zeros(mean.shape), th.ones(mean.shape)).numpy()
        spread = np.exp(log_std) * noise
        actions = np.tanh(mean + spread)
        each = -0.5 * noise * noise - log_std - np.float32(HALF_LOG_TWO_PI)
        each -= np.log(1 - actions * actions + _TINY)
        log_prob: Floats = np.add.reduce(each, axis=1)
        return Played(run, actions, log_prob, spread, free)

    def backward(
        self, observations: Floats, played: Played, slope: Floats, entropy: np.float32
    ) -> None:
        """Fill the gradient.

        `slope` is the loss's slope at the actions, (rows, act); `entropy` that at each
        row's log-probability.
        """
        flat = 1 - played.actions * played.actions
        # Through tanh: by the actions' worth, and by how squashing thins the density.
        before = slope * flat + (2 * entropy) * played.actions * flat / (flat + _TINY)
        log_std = before * played.spread
        log_std -= entropy
        log_std *= played.free
        both = np.concatenate((before, log_std), axis=1)
        run = played.run
        np.matmul(both.T, run.top, out=self._weight_slope)
        np.matmul(run.ones, both, out=self._bias_slope)
        np.matmul(both, self._weight, out=run.top_slope)
        self._hidden.backward(observations, run)


def _in_order(depth: int) -> Iterator[str]:
    for layer in range(depth):
        for part in ("weight", "bias"):
            yield f"latent_pi.{2 * layer}.{part}"
    for part in ("weight", "bias"):
        for head in ("mu", "log_std"):
            yield f"{head}.{part}"
