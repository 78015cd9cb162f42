"""Playing that can be broken off: between two control steps there is time to ask."""

from __future__ import annotations

from collections.abc import Callable

from mesosweep.domain.errors import Interrupted
from mesosweep.ports import Array, Policy


def interruptible(policy: Policy, stop: Callable[[], bool]) -> Policy:
    """Return the policy, which now raises Interrupted when asked to act after `stop` says so.

    A policy is asked once per control step, whatever the ground is made of: however many
    long episodes are played, ending them takes no longer than one step.
    """

    def act(observations: Array) -> Array:
        if stop():
            raise Interrupted("Stopped.")
        return policy(observations)

    return act
