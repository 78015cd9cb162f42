"""A Gaussian MLP policy and its value as one flat float32 vector: forward and backward in NumPy.

The vector is the memory of the torch policy's own parameters, so that both are always the
same policy: saving, loading and judging need not know that this is here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from torch import nn

from mesosweep.algorithms._activations import activation_of
from mesosweep.algorithms._stack import Cutter, Floats, Run, Stack, Vector

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_BLOCK = 512
"""Rows that are passed at once where there are many: they and what is made of them stay in the cache."""


def reason_against(policy: Any) -> str | None:
    """Say what of a policy is not covered here; None when all of it is."""
    if type(policy) is not ActorCriticPolicy:
        return f"a {type(policy).__name__}"
    if policy.use_sde or not isinstance(policy.action_dist, DiagGaussianDistribution):
        return "exploration that is no diagonal Gaussian"
    if (found := foreign_space(policy)) is not None:
        return found
    if policy.squash_output:
        return "squashed actions"
    if type(policy.features_extractor) is not FlattenExtractor:
        return f"the features extractor {type(policy.features_extractor).__name__}"
    if type(policy.mlp_extractor) is not MlpExtractor:
        return f"the network {type(policy.mlp_extractor).__name__}"
    if any(p.device.type != "cpu" or p.dtype != th.float32 for p in policy.parameters()):
        return "parameters that are not float32 on the CPU"
    actor, critic = (
        hidden_layers(net)
        for net in (policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net)
    )
    if not actor or actor != critic:
        return "an actor and a critic of different layers, or of layers that are not known"
    return None


def foreign_space(policy: Any) -> str | None:
    """Say which of a policy's spaces is no vector of float32; None when both are."""
    for what, space in (
        ("observations", policy.observation_space),
        ("actions", policy.action_space),
    ):
        if (
            not isinstance(space, spaces.Box)
            or space.dtype != np.float32
            or len(space.shape or ()) != 1
        ):
            return f"{what} that are no vector of float32"
    return None


def hidden_layers(net: Iterable[nn.Module]) -> list[tuple[int, str]] | None:
    """Return units and activation of each layer; None unless it is a plain MLP of one known kind."""
    modules: list[Any] = list(net)
    pairs = list(zip(modules[::2], modules[1::2], strict=False))
    if len(modules) % 2 or len({repr(activation) for _, activation in pairs}) > 1:
        return None
    for linear, activation in pairs:
        if type(linear) is not nn.Linear or linear.bias is None:
            return None
        if activation_of(activation) is None:
            return None
    return [(linear.out_features, repr(activation)) for linear, activation in pairs]


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What a forward pass of some rows found, and left behind for the backward pass."""

    run: Run
    mean: Floats
    """(rows, actions)."""
    value: Floats
    """(rows,)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Heads:
    """What lies above the hidden layers, as views of a vector."""

    actor: Floats
    actor_bias: Floats
    critic: Floats
    critic_bias: Floats
    log_std: Floats

    @classmethod
    def of(cls, cutter: Cutter, width: int, actions: int) -> _Heads:
        take = cutter.take
        return cls(take(actions, width), take(actions), take(width), take(1), take(actions))


def adopt(vector: Vector, network: nn.Module) -> None:
    """Make a network's parameters views of a vector that names them, where they are not yet."""
    for name, parameter in network.named_parameters():
        mine = vector.parts[name]
        if parameter.data_ptr() != mine.ctypes.data:
            mine[...] = parameter.detach().numpy()
            parameter.data = th.from_numpy(mine)


class FlatPolicy:
    """An `ActorCriticPolicy` that `reason_against` has nothing against."""

    def __init__(self, policy: ActorCriticPolicy) -> None:
        net: Any = policy.mlp_extractor.policy_net
        activation = activation_of(net[1])
        assert activation is not None
        widths = [linear.out_features for linear in net[::2]]
        named = {name: tuple(p.shape) for name, p in policy.named_parameters()}
        self.shapes = {name: named[name] for name in _in_order(len(widths))}
        assert named.keys() == self.shapes.keys()
        self.parameters, self.gradient = Vector(self.shapes), Vector(self.shapes)
        self.actions = named["action_net.bias"][0]
        self._width = widths[-1]
        self._hidden = Stack(2, net[0].in_features, widths, activation)
        values, slopes = Cutter(self.parameters), Cutter(self.gradient)
        self._hidden.bind(values, slopes)
        self._heads = _Heads.of(values, self._width, self.actions)
        self._head_slopes = _Heads.of(slopes, self._width, self.actions)
        self.log_std = self._heads.log_std
        """(actions,)."""
        self.log_std_gradient = self._head_slopes.log_std
        self._passes: dict[int, Pass] = {}

    def adopt(self, policy: ActorCriticPolicy) -> None:
        """Make the policy's parameters views of the vector, where they are not yet."""
        adopt(self.parameters, policy)

    def act(self, observations: Floats) -> Floats:
        """Return mean actions, (rows, actions)."""
        mean: Floats = self._hidden.first(observations) @ self._heads.actor.T
        mean += self._heads.actor_bias
        return mean

    def forward(self, observations: Floats) -> Pass:
        """Pass rows through actor and critic; the memory is used again by the next call."""
        rows = len(observations)
        p = self._passes.get(rows)
        if p is None:
            mean, value = np.empty((rows, self.actions), np.float32), np.empty(rows, np.float32)
            p = self._passes[rows] = Pass(self._hidden.run(rows), mean, value)
        self._hidden.forward(observations, p.run)
        actor, critic = p.run.top[:, : self._width], p.run.top[:, self._width :]
        np.matmul(actor, self._heads.actor.T, out=p.mean)
        np.add(p.mean, self._heads.actor_bias, out=p.mean)
        np.matmul(critic, self._heads.critic, out=p.value)
        np.add(p.value, self._heads.critic_bias, out=p.value)
        return p

    def backward(
        self, observations: Floats, p: Pass, mean_slope: Floats, value_slope: Floats
    ) -> None:
        """Fill the gradient, but for the log std, from the loss's slopes.

        `mean_slope` is (rows, actions), `value_slope` (rows,); `p` what `forward` returned.
        """
        run, slopes, width = p.run, self._head_slopes, self._width
        np.matmul(mean_slope.T, run.top[:, :width], out=slopes.actor)
        np.matmul(run.ones, mean_slope, out=slopes.actor_bias)
        np.matmul(value_slope, run.top[:, width:], out=slopes.critic)
        slopes.critic_bias[0] = np.add.reduce(value_slope)
        np.matmul(mean_slope, self._heads.actor, out=run.top_slope[:, :width])
        np.multiply(value_slope[:, None], self._heads.critic, out=run.top_slope[:, width:])
        self._hidden.backward(observations, run)

    def judged(self, observations: Floats, actions: Floats) -> tuple[Floats, Floats]:
        """Return values and log-probabilities of what was seen and done, (rows,) each."""
        values, log_probs = (np.empty(len(observations), np.float32) for _ in range(2))
        precision, spread = np.exp(-self.log_std), float(np.add.reduce(self.log_std))
        for rows in _blocks(len(observations)):
            p = self.forward(observations[rows])
            values[rows] = p.value
            noise = (actions[rows] - p.mean) * precision
            log_probs[rows] = log_prob_of(noise * noise, spread)
        return values, log_probs

    def values(self, observations: Floats) -> Floats:
        """Return what the states are worth, (rows,)."""
        found = np.empty(len(observations), np.float32)
        for rows in _blocks(len(observations)):
            found[rows] = self.forward(observations[rows]).value
        return found


def log_prob_of(squares: Floats, log_std: float) -> Floats:
    """Return log-probabilities of actions, (rows,).

    `squares` are those of their distances from the mean in standard deviations, (rows,
    actions); `log_std` is the sum of all log stds.
    """
    actions = squares.shape[1]
    # A product with a vector is quicker than a sum over short rows.
    found: Floats = np.matmul(squares, np.full(actions, -0.5, np.float32))
    found -= np.float32(log_std + actions * HALF_LOG_TWO_PI)
    return found


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _BLOCK):
        yield slice(start, min(start + _BLOCK, rows))


def _in_order(depth: int) -> Iterator[str]:
    for layer in range(depth):
        for part in ("weight", "bias"):
            for net in ("policy_net", "value_net"):
                yield f"mlp_extractor.{net}.{2 * layer}.{part}"
    for head in ("action_net", "value_net"):
        yield f"{head}.weight"
        yield f"{head}.bias"
    yield "log_std"
