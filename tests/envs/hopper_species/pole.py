"""A pendulum to be held upright: an env that knows nothing of mesosweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

_DT = 0.05


class Pole(gymnasium.Env[Any, Any]):
    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.observation_space = spaces.Box(-10.0, 10.0, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.gravity = float(settings["gravity"])
        self.limit = round(float(settings["horizon_s"]) / _DT)
        self.state = np.zeros(2)
        self.steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.state = self.np_random.uniform(-0.05, 0.05, 2)
        self.steps = 0
        return self.state.astype(np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        angle, rate = self.state
        rate = rate + _DT * (self.gravity * np.sin(angle) + 5.0 * float(action[0]))
        self.state = np.array([angle + _DT * rate, rate])
        self.steps += 1
        fell = bool(abs(self.state[0]) > 0.5)
        info = {"metrics": {"angle": float(abs(angle))}}
        seen = np.clip(self.state, -10.0, 10.0).astype(np.float32)
        return seen, float(np.cos(angle)), fell, self.steps >= self.limit, info

    def change_setting(self, name: str, value: float) -> None:
        setattr(self, name, value)


def make_env(settings: Mapping[str, Any], *, render_mode: str | None = None) -> Pole:
    assert render_mode is None
    return Pole(settings)


class RememberingPole(Pole):
    """The same, readable and restorable."""

    def snapshot(self) -> Mapping[str, Any]:
        return {"state": self.state.copy(), "steps": np.array(self.steps)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.state = np.array(state["state"])
        self.steps = int(state["steps"])


def make_remembering_env(
    settings: Mapping[str, Any], *, render_mode: str | None = None
) -> RememberingPole:
    assert render_mode is None
    return RememberingPole(settings)


def make_discrete_env(settings: Mapping[str, Any], *, render_mode: str | None = None) -> Pole:
    env = make_env(settings, render_mode=render_mode)
    env.action_space = spaces.Discrete(2)
    return env
