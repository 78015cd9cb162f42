"""The training env of a species with its own Gymnasium env: SB3's DummyVecEnv, made resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from mesosweep.envs.frozen import freeze_generators, thaw_generators


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
