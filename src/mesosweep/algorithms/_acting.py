"""Acting without torch: what a trained policy does, as a few matrix products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mesosweep.algorithms._activations import activation_of
from mesosweep.algorithms._flat import reason_against
from mesosweep.algorithms._stack import Floats


def actor_of(policy: Any) -> Callable[[Floats], Floats] | None:
    """Return the deterministic actions of a policy as it is now: observations → actions.

    They are those of its `predict`, but for rounding. None for a policy that the flat
    arrays do not cover.
    """
    if reason_against(policy) is not None:
        return None
    net, head = policy.mlp_extractor.policy_net, policy.action_net
    activation = activation_of(net[1])
    assert activation is not None
    # Copies: training goes on, and this policy stays what it was.
    layers = [
        (linear.weight.detach().numpy().T.copy(), linear.bias.detach().numpy().copy())
        for linear in (*net[::2], head)
    ]
    low, high = policy.action_space.low, policy.action_space.high

    def act(observations: Floats) -> Floats:
        x = observations
        for weight, bias in layers[:-1]:
            x = x @ weight
            x += bias
            activation.value(x, x)
        weight, bias = layers[-1]
        actions: Floats = x @ weight
        actions += bias
        np.maximum(actions, low, out=actions)
        np.minimum(actions, high, out=actions)
        return actions

    return act
