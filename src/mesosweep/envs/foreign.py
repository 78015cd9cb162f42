"""The ground of a species that brings an ordinary Gymnasium env instead of a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from mesosweep.domain.errors import PluginError
from mesosweep.domain.score import Episode
from mesosweep.envs.gym import open_env
from mesosweep.plugins import Species
from mesosweep.ports import Mirror, Policy

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


class ForeignGround:
    """Trains through SB3's DummyVecEnv: a trial is one process, and stays one.

    The env ends its own episodes. From the last `info` of an episode are read
    `is_success`, `reason` and `metrics` (name → number), each if it is there.
    """

    def __init__(
        self, species: Species, *, reference: Mapping[str, Any], training: Mapping[str, Any]
    ) -> None:
        self._species, self._reference, self._training = species, dict(reference), dict(training)
        env = open_env(species, reference)
        self._observations, self._actions = env.observation_space, env.action_space
        env.close()
        for what, space in (("observation", self._observations), ("action", self._actions)):
            if not isinstance(space, spaces.Box):
                raise PluginError(f"Species '{species.name}': its {what} space must be a Box.")

    def training_envs(self, n_envs: int, *, seed: int) -> VecEnv:
        # Here and not above: what only plays, or learns without torch, starts without both.
        from stable_baselines3.common.monitor import Monitor

        from mesosweep.envs.foreign_vec import ForeignVecEnv

        envs = [lambda: Monitor(open_env(self._species, self._training))] * n_envs
        return ForeignVecEnv(envs, seed=seed)

    def play(self, policy: Policy, seeds: Sequence[int]) -> tuple[Episode, ...]:
        """Play one episode per seed, one after the other."""
        env = open_env(self._species, self._reference)
        try:
            return tuple(self._episode(env, policy, seed) for seed in seeds)
        finally:
            env.close()

    def observation_space(self) -> Any:
        return self._observations

    def action_space(self) -> Any:
        return self._actions

    def mirror(self) -> Mirror | None:
        return None

    def _episode(self, env: Any, policy: Policy, seed: int) -> Episode:
        observation, _ = env.reset(seed=seed)
        total, length, terminated, truncated = 0.0, 0, False, False
        info: dict[str, Any] = {}
        while not (terminated or truncated):
            action = policy(np.asarray(observation)[None])[0]
            observation, reward, terminated, truncated, info = env.step(action)
            total, length = total + float(reward), length + 1
        success = bool(info["is_success"]) if "is_success" in info else None
        ended = "horizon" if truncated and not terminated else "terminated"
        return Episode(
            seed=seed,
            reward=total,
            length=length,
            reason="success" if success else str(info.get("reason", ended)),
            success=success,
            metrics={name: float(value) for name, value in info.get("metrics", {}).items()},
        )
