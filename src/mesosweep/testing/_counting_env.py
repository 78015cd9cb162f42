"""The env of the counting species: its reward is the action, and nothing moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]


class CountingEnv(gymnasium.Env[_Floats, _Floats]):
    """An episode of `horizon` steps that pays `action_weight` times the action."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._horizon = int(settings["horizon"])
        self._weight = float(settings["action_weight"])
        self._noise = float(settings["noise"])
        self._step = 0
        self._luck = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Floats, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._step = 0
        self._luck = self._noise * float(self.np_random.standard_normal()) / self._horizon
        return np.zeros(1, np.float32), {}

    def step(self, action: _Floats) -> tuple[_Floats, float, bool, bool, dict[str, Any]]:
        self._step += 1
        reward = self._weight * float(action[0]) + self._luck
        ends = self._step >= self._horizon
        info = {"metrics": {"forward_velocity": float(action[0])}} if ends else {}
        return np.zeros(1, np.float32), reward, False, ends, info


def make_env(settings: Mapping[str, Any], *, render_mode: str | None = None) -> CountingEnv:  # noqa: ARG001  # there is nothing to see
    return CountingEnv(settings)
