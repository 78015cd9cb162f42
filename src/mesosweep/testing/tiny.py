"""A task of three numbers that any learner trains on within a second, and an observer that remembers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from mesosweep.domain.errors import Interrupted
from mesosweep.domain.score import Episode, Score
from mesosweep.domain.trial import Evaluation
from mesosweep.ports import Array, Ground, Mirror, Policy

_HORIZON = 20
SIZE = 3
"""Observation numbers: a place, a goal, and their distance on another scale."""


class TinyEnvs(VecEnv):
    """Lanes on a line; each wants to be at its goal. Action: where to go, one number."""

    def __init__(self, n: int, *, seed: int) -> None:
        box = spaces.Box(-1e3, 1e3, (SIZE,), np.float32)
        super().__init__(n, box, spaces.Box(-1.0, 1.0, (1,), np.float32))
        self.rng = np.random.default_rng(seed)
        self.place, self.goal = np.zeros(n), np.zeros(n)
        self.steps = np.zeros(n, np.int64)
        self.settings: dict[str, float] = {"forward_vel_weight": 1.0}
        self.changes: list[tuple[str, float]] = []
        self.fault: float | None = None
        """What every reward becomes, when set."""
        self.actions: Any = np.zeros((n, 1))
        self.is_closed = False

    def _begin(self, lanes: Any) -> None:
        count = len(self.place[lanes])
        self.place[lanes] = self.rng.uniform(-1, 1, count)
        self.goal[lanes] = self.rng.uniform(-1, 1, count)
        self.steps[lanes] = 0

    def _seen(self) -> Any:
        columns = (self.place, self.goal, 50 * (self.goal - self.place))
        return np.stack(columns, axis=1).astype(np.float32)

    def reset(self) -> Any:
        if self._seeds[0] is not None:
            self.rng = np.random.default_rng(self._seeds[0])
        self._reset_seeds()
        self._begin(slice(None))
        return self._seen()

    def step_async(self, actions: Any) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        self.place = np.clip(self.place + 0.2 * self.actions[:, 0], -2, 2)
        self.steps += 1
        gap = np.abs(self.goal - self.place)
        rewards = (self.settings["forward_vel_weight"] * (1 - gap)).astype(np.float32)
        if self.fault is not None:
            rewards[:] = self.fault
        fell, late = np.abs(self.place) >= 2, self.steps >= _HORIZON
        ended = fell | late
        seen = self._seen()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for lane in np.flatnonzero(ended):
            infos[lane] = {
                "terminal_observation": seen[lane].copy(),
                "TimeLimit.truncated": bool(late[lane] and not fell[lane]),
            }
        if ended.any():
            self._begin(ended)
            seen = self._seen()
        return seen, rewards, ended, infos

    def change_setting(self, name: str, value: float) -> None:
        self.settings[name] = value
        self.changes.append((name, value))

    def snapshot(self) -> dict[str, Any]:
        state = self.rng.bit_generator.state["state"]
        words = [state["state"] >> 64, state["state"] & (2**64 - 1)]
        words += [state["inc"] >> 64, state["inc"] & (2**64 - 1)]
        return {
            "place": self.place.copy(),
            "goal": self.goal.copy(),
            "steps": self.steps.copy(),
            "rng": np.array(words, dtype=np.uint64),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.place, self.goal = state["place"].copy(), state["goal"].copy()
        self.steps = state["steps"].copy()
        words = [int(word) for word in state["rng"]]
        whole: Any = self.rng.bit_generator.state
        whole["state"] = {"state": words[0] << 64 | words[1], "inc": words[2] << 64 | words[3]}
        self.rng.bit_generator.state = whole

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        answer = getattr(self, method_name)(*method_args, **method_kwargs)
        return [answer for _ in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        value = None if attr_name == "render_mode" else getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        del wrapper_class  # there are none
        return [False for _ in self._get_indices(indices)]

    def close(self) -> None:
        self.is_closed = True


@dataclass
class TinyGround:
    """A `ports.Ground` over `TinyEnvs`; remembers the training envs that it opened."""

    opened: list[TinyEnvs] = field(default_factory=list)
    fault: float | None = None

    def training_envs(self, n_envs: int, *, seed: int) -> VecEnv:
        envs = TinyEnvs(n_envs, seed=seed)
        envs.fault = self.fault
        self.opened.append(envs)
        return envs

    def play(self, policy: Policy, seeds: Sequence[int]) -> tuple[Episode, ...]:
        return tuple(self._episode(policy, seed) for seed in seeds)

    def _episode(self, policy: Policy, seed: int) -> Episode:
        env = TinyEnvs(1, seed=seed)
        seen, total, length, ended = env.reset(), 0.0, 0, False
        while not ended:
            env.step_async(policy(seen))
            seen, rewards, ends, _ = env.step_wait()
            total, length, ended = total + float(rewards[0]), length + 1, bool(ends[0])
        reason = "horizon" if length == _HORIZON else "fell"
        return Episode(seed=seed, reward=total, length=length, reason=reason)

    def observation_space(self) -> Any:
        return TinyEnvs(1, seed=0).observation_space

    def action_space(self) -> Any:
        return TinyEnvs(1, seed=0).action_space

    def mirror(self) -> Mirror | None:
        return None


@dataclass
class Recorder:
    """An `ports.Observer` that keeps what it is told, and can ask to stop at a step."""

    ground: Ground
    folder: Path
    stop_at: int | None = None
    stop_in: int | None = None
    """The evaluation, counted from 0, in which somebody asks to stop."""
    evaluations: list[Evaluation] = field(default_factory=list)
    best_reward: float = -math.inf
    """Of what was published; a recorder that goes on after another is told that one's."""
    offered: list[int] = field(default_factory=list)
    bests: list[int] = field(default_factory=list)
    checkpoints: dict[int, Path] = field(default_factory=dict)
    told: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)
    asked: int = 0
    """How often the learner asked whether to stop."""
    _stops: bool = False

    @property
    def updates(self) -> list[tuple[int, Mapping[str, float]]]:
        """What was told of updates, without the mere signs of life."""
        return [(step, values) for step, values in self.told if values]

    @property
    def best(self) -> Path:
        return self.folder / "best_model.zip"

    def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
        score = Score.of(self.ground.play(self._interruptible(policy), range(10**9, 10**9 + 3)))
        self.evaluations.append(Evaluation(step, score))
        return self.evaluations[-1]

    def offer(self, save: Callable[[Path], None], *, step: int) -> None:
        self.offered.append(step)
        if (reward := self.evaluations[-1].score.mean_reward) <= self.best_reward:
            return
        self.best_reward = reward
        self.folder.mkdir(parents=True, exist_ok=True)
        save(self.best)
        self.bests.append(step)

    def checkpoint(self, save: Callable[[Path], None], *, step: int) -> None:
        folder = self.folder / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        save(folder)
        self.checkpoints[step] = folder

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        self.told.append((step, dict(values)))

    def should_stop(self) -> bool:
        self.asked += 1
        return self._stops or (self.stop_at is not None and self._now() >= self.stop_at)

    def _interruptible(self, policy: Policy) -> Policy:
        if self.stop_in != len(self.evaluations):
            return policy
        left = iter(range(5))

        def act(observations: Array) -> Array:
            if next(left, None) is None:
                self._stops = True
                raise Interrupted("Stopped.")
            return policy(observations)

        return act

    def _now(self) -> int:
        return self.told[-1][0] if self.told else 0
