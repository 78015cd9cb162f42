"""The averaged policy: what a training judges, saves and hands on instead of its latest weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch as th
from stable_baselines3.common.policies import BasePolicy

from mesosweep.algorithms._weights import Structure, network


class Average:
    """An exponential moving average over the weights of a policy, one share per update.

    Polyak and Juditsky 1992: the average of noisy iterates lies closer to where they
    are going than the last of them.
    """

    def __init__(self, policy: BasePolicy, structure: Structure, *, decay: float) -> None:
        """Begin where the policy is now."""
        self._policy, self._decay = policy, decay
        # Built anew, not copied: with gSDE a policy holds tensors that cannot be copied.
        with th.random.fork_rng(devices=[]):
            self.network = network(structure, policy.observation_space, policy.action_space)
            """A policy of its own that acts with the averaged weights."""
        self.network.load_state_dict(policy.state_dict())

    def follow(self) -> None:
        """Move by one share towards the policy as it is now."""
        with th.no_grad():
            for mine, latest in self._pairs():
                mine.lerp_(latest.to(mine.device), 1 - self._decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the policy itself have the averaged weights for a while."""
        with th.no_grad():
            latest = [theirs.clone() for _, theirs in self._pairs()]
            try:
                for mine, theirs in self._pairs():
                    theirs.copy_(mine)
                yield
            finally:
                for (_, theirs), kept in zip(self._pairs(), latest, strict=True):
                    theirs.copy_(kept)

    def state(self) -> dict[str, Any]:
        """Return the averaged weights, copied."""
        return deepcopy(dict(self.network.state_dict()))

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.network.load_state_dict(dict(state))

    def _pairs(self) -> Iterator[tuple[th.Tensor, th.Tensor]]:
        return zip(self.network.parameters(), self._policy.parameters(), strict=True)
