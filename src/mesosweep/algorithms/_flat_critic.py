"""SAC's two critics as one flat float32 vector, the memory of the torch network's own parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mesosweep.algorithms._activations import activation_of
from mesosweep.algorithms._stack import Cutter, Floats, Run, Stack, Vector


class Critic:
    """Two estimates of what an action is worth where it is done."""

    def __init__(self, critic: Any) -> None:
        first = critic.q_networks[0]
        activation = activation_of(first[1])
        assert activation is not None
        widths = [linear.out_features for linear in first[:-1:2]]
        named = {name: tuple(p.shape) for name, p in critic.named_parameters()}
        shapes = {name: named[name] for name in _in_order(len(widths))}
        assert named.keys() == shapes.keys()
        self.parameters, self.gradient = Vector(shapes), Vector(shapes)
        self._hidden = Stack(2, first[0].in_features, widths, activation)
        values, slopes = Cutter(self.parameters), Cutter(self.gradient)
        self._hidden.bind(values, slopes)
        self._weight, self._bias = values.take(2, widths[-1], 1), values.take(2, 1)
        self._weight_slope, self._bias_slope = slopes.take(2, 1, widths[-1]), slopes.take(2, 1)
        self._actions = slice(critic.observation_space.shape[0], None)

    def worth(self, inputs: Floats) -> Floats:
        """Return both estimates, (2, rows), of observations beside actions, (rows, obs + act)."""
        run = self._run(inputs)
        self._hidden.forward(inputs, run)
        found: Floats = (self._hidden.apart(run.top) @ self._weight)[:, :, 0]
        found += self._bias
        return found

    def backward(self, inputs: Floats, slope: Floats) -> None:
        """Fill the gradient from the loss's slopes at what `worth` has just said, (2, rows)."""
        run = self._run(inputs)
        np.matmul(slope[:, None], self._hidden.apart(run.top), out=self._weight_slope)
        np.add.reduce(slope, axis=1, out=self._bias_slope[:, 0])
        self._bring_down(inputs, run, slope, parameters=True)

    def action_slope(self, inputs: Floats, slope: Any) -> Floats:
        """Return the slopes at the actions, (rows, act), instead."""
        run = self._run(inputs)
        self._bring_down(inputs, run, slope.astype(np.float32), parameters=False)
        return self._hidden.input_slope(run, self._actions)

    def follow(self, other: Critic, share: float) -> None:
        """Move by a share towards another critic: Polyak averaging."""
        self.parameters.whole *= np.float32(1 - share)
        self.parameters.whole += np.float32(share) * other.parameters.whole

    def _bring_down(self, inputs: Floats, run: Run, slope: Floats, *, parameters: bool) -> None:
        top = self._hidden.apart(run.top_slope)
        np.multiply(slope[:, :, None], self._weight.transpose(0, 2, 1), out=top)
        self._hidden.backward(inputs, run, parameters=parameters)

    def _run(self, inputs: Floats) -> Run:
        return self._hidden.run(len(inputs))


def _in_order(depth: int) -> Iterator[str]:
    for layer in range(depth + 1):
        for part in ("weight", "bias"):
            for net in ("qf0", "qf1"):
                yield f"{net}.{2 * layer}.{part}"
