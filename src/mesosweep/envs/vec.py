"""The training env: a batch behind stable-baselines3's VecEnv, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from gymnasium import Wrapper
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from mesosweep.envs.batch import Lanes
from mesosweep.envs.spaces import action_space, observation_space


class BatchVecEnv(VecEnv):
    """A VecEnv that resets its lanes by itself and reports episodes as `Monitor` does.

    All lanes are one simulation: `env_method` calls it once and returns its answer for
    each lane asked for. Lane i of seed s plays the same episodes whatever the number of lanes.
    """

    def __init__(self, lanes: Lanes, *, seed: int) -> None:
        self.lanes = lanes
        super().__init__(lanes.n, observation_space(lanes.body), action_space(lanes.model))
        self.seed(seed)
        self._actions: Any = np.zeros_like(lanes.action)
        self._began = perf_counter()

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Give the lanes new random numbers at the next `reset`; None keeps the ones they have."""
        self._seeds = [seed] * self.num_envs
        return list(self._seeds)

    def reset(self) -> VecEnvObs:
        for lane, seed in enumerate(self._seeds):
            if seed is not None:
                # A key of its own sets training apart from every episode that is judged.
                self.lanes.seed(lane, np.random.SeedSequence(seed, spawn_key=(lane,)))
        self._reset_seeds()
        self._reset_options()
        self.lanes.begin(range(self.num_envs))
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return self.lanes.observe()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        stepped = self.lanes.step(self._actions)
        observation = self.lanes.observe()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if stepped.episodes:
            elapsed = round(perf_counter() - self._began, 6)
            for lane, episode in stepped.episodes.items():
                infos[lane] = {
                    "terminal_observation": observation[lane].copy(),
                    "TimeLimit.truncated": bool(stepped.truncated[lane]),
                    "episode": {"r": episode.reward, "l": episode.length, "t": elapsed},
                    "reason": episode.reason,
                    "is_success": bool(episode.success),
                }
                if episode.success is None:
                    del infos[lane]["is_success"]
            self.lanes.begin(stepped.episodes)
            observation = self.lanes.observe()
        return observation, stepped.reward.astype(np.float32), stepped.ended, infos

    def close(self) -> None:
        self.lanes.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        value = None if attr_name == "render_mode" else getattr(self.lanes, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse: lanes are one simulation. Use `env_method("change_setting", name, value)`."""
        raise AttributeError(
            f"cannot set '{attr_name}' to {value!r} for lanes {indices}: lanes are one simulation. "
            'Use env_method("change_setting", name, value).'
        )

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        answer = getattr(self.lanes, method_name)(*method_args, **method_kwargs)
        return [answer for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        # Monitor's promise, the true return and length of each episode, is kept here.
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]
