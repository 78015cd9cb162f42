"""The ground of a species that brings an ordinary Gymnasium env instead of a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from mesosweep.domain.errors import PluginError
from mesosweep.domain.score import Episode
from mesosweep.envs.frozen import freeze_generators, thaw_generators
from mesosweep.envs.gym import open_env
from mesosweep.plugins import Species
from mesosweep.ports import Mirror, Policy


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


class ForeignVecEnv(DummyVecEnv):
    """DummyVecEnv that can be read and put back.

    An env that has `snapshot() -> Mapping[str, array]` and `restore(state)` goes on
    exactly. Any other begins a new episode when restored, with its random numbers
    where they were: resumed training is then sound, but not bit-identical.
    """

    def __init__(self, env_fns: Sequence[Any], *, seed: int) -> None:
        super().__init__(list(env_fns))
        self.seed(seed)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        if method_name in ("snapshot", "restore", "observe"):
            answer = getattr(self, f"_{method_name}")(*method_args, **method_kwargs)
            return [answer for _ in self._get_indices(indices)]
        return super().env_method(method_name, *method_args, indices=indices, **method_kwargs)

    def _observe(self) -> Any:
        return self._obs_from_buf()

    def _snapshot(self) -> dict[str, Any]:
        state: dict[str, Any] = {"observations": np.asarray(self._obs_from_buf()).copy()}
        for i, env in enumerate(self.envs):
            bare = env.unwrapped
            if isinstance(bare.np_random.bit_generator, np.random.PCG64):
                state[f"{i}/rng"] = freeze_generators([bare.np_random])
            if hasattr(bare, "snapshot"):
                state[f"{i}/rewards"] = np.asarray(getattr(env, "rewards", []), np.float64)
                state |= {f"{i}/own/{name}": value for name, value in bare.snapshot().items()}
        return state

    def _restore(self, state: Mapping[str, Any]) -> Any:
        """Put everything back; returns which envs began a new episode instead, (n,) bool."""
        anew = np.zeros(self.num_envs, np.bool_)
        for i, env in enumerate(self.envs):
            bare: Any = env.unwrapped
            prefix = f"{i}/own/"
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            rng = state.get(f"{i}/rng")
            if not own and rng is not None:
                thaw_generators([bare.np_random], rng)
            observation, _ = env.reset()
            if own:
                bare.restore(own)
                if rng is not None:
                    thaw_generators([bare.np_random], rng)
                if isinstance(env, Monitor):
                    env.rewards = [float(reward) for reward in state[f"{i}/rewards"]]
                observation = state["observations"][i]
            anew[i] = not own
            self._save_obs(i, observation)
        return anew
