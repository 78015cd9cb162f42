"""A checkpoint's episodes, played side by side, and those of policies that learned nothing."""

from __future__ import annotations

from collections.abc import Sequence

from mesosweep.domain.score import Episode, Score
from mesosweep.worker.checkpoint import Opened


def play(opened: Opened, seeds: Sequence[int]) -> tuple[Episode, ...]:
    """Play one episode per seed. The same seed gives the same episode in any company."""
    return opened.ground.play(opened.policy, seeds)


def yardsticks(opened: Opened, seeds: Sequence[int]) -> dict[str, Score]:
    """Return what `zero` action and `random` action score in the same episodes."""
    from mesosweep.envs.ground import random_policy, zero_policy

    ground = opened.ground
    policies = {"zero": zero_policy(ground), "random": random_policy(ground, 0)}
    return {name: Score.of(ground.play(policy, seeds)) for name, policy in policies.items()}
