"""SB3's PPO, collecting on flat arrays: values and log-probabilities of a rollout, all at once.

Also says for which models that can be; the others are SB3's own.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch as th
from gymnasium.spaces import Box
from stable_baselines3 import PPO as SB3PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from mesosweep.algorithms import _flat, _flat_adam
from mesosweep.algorithms._flat import FlatPolicy
from mesosweep.algorithms._flat_adam import FlatAdam
from mesosweep.algorithms._rollout import Rollout
from mesosweep.algorithms._stack import Floats

_log = logging.getLogger(__name__)
_OURS = ("_engine", "_told_reason", "_luck", "rollout_buffer_class")


class Engine:
    """A policy and its optimiser as flat arrays."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.net = FlatPolicy(policy)
        self.adam = FlatAdam(self.net.parameters, self.net.gradient)


class FlatRollouts(SB3PPO):
    """PPO that collects on flat arrays where `reason_against` has nothing against it."""

    policy: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engine: Engine | None = None
        self._told_reason: str | None = "not asked yet"
        self._luck: Any = np.random.SeedSequence().entropy
        super().__init__(*args, **kwargs)
        if self.seed is not None:
            self._luck = self.seed

    def _setup_model(self) -> None:
        if self.rollout_buffer_class is None:
            self.rollout_buffer_class = Rollout
        super()._setup_model()

    def _excluded_save_params(self) -> list[str]:
        # A zip must open where we are not installed.
        return [*super()._excluded_save_params(), *_OURS]

    def reason_against(self) -> str | None:
        """Say what keeps this model from flat arrays; None when nothing does."""
        found = _flat.reason_against(self.policy) or _flat_adam.reason_against(self.policy)
        if found is None and not isinstance(self.rollout_buffer, Rollout):
            found = f"the rollout buffer {type(self.rollout_buffer).__name__}"
        return found

    def _flat(self) -> Engine | None:
        """Return the engine, in step with policy and optimiser; None where SB3 must do it."""
        reason = self.reason_against()
        if reason != self._told_reason:
            self._told_reason = reason
            if reason is None:
                _log.info("ppo: collects and updates on flat arrays")
            else:
                _log.warning("ppo: stable-baselines3 collects and updates, because of %s", reason)
        if reason is not None:
            return None
        if self._engine is None or self._engine.policy is not self.policy:
            self._engine = Engine(self.policy)
        self._engine.net.adopt(self.policy)
        self._engine.adam.adopt(self.policy)
        return self._engine

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: RolloutBuffer,
        n_rollout_steps: int,
    ) -> bool:
        """Fill the buffer; values and log-probabilities are computed when it is full."""
        engine = self._flat()
        if engine is None:
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        assert isinstance(rollout_buffer, Rollout)
        assert n_rollout_steps == rollout_buffer.buffer_size
        net, lanes = engine.net, env.num_envs
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        noise = self._noise((n_rollout_steps, lanes, net.actions))
        noise *= np.exp(net.log_std)
        assert isinstance(self.action_space, Box)
        low, high = self.action_space.low, self.action_space.high
        # What an episode that only time has ended might still have earned.
        cut_at: list[tuple[int, int]] = []
        cut_in: list[Any] = []
        callback.on_rollout_start()
        for step in range(n_rollout_steps):
            assert isinstance(self._last_obs, np.ndarray)
            rollout_buffer.observations[step] = self._last_obs
            rollout_buffer.episode_starts[step] = self._last_episode_starts
            actions = rollout_buffer.actions[step]
            np.add(net.act(rollout_buffer.observations[step]), noise[step], out=actions)
            new_obs, rewards, dones, infos = env.step(np.minimum(np.maximum(actions, low), high))
            self.num_timesteps += lanes
            callback.update_locals(
                {"self": self, "env": env, "rollout_buffer": rollout_buffer, "n_steps": step}
                | {"actions": actions, "new_obs": new_obs, "rewards": rewards}
                | {"dones": dones, "infos": infos}
            )
            if not callback.on_step():
                return False
            rollout_buffer.rewards[step] = rewards
            if dones.any():
                self._update_info_buffer(infos, dones)
                for lane in np.flatnonzero(dones):
                    info = infos[lane]
                    if info.get("TimeLimit.truncated") and "terminal_observation" in info:
                        cut_at.append((step, int(lane)))
                        cut_in.append(info["terminal_observation"])
            self._last_obs, self._last_episode_starts = np.asarray(new_obs), dones
        self._value(net, rollout_buffer, cut_at, cut_in)
        callback.update_locals({"dones": dones, "new_obs": new_obs})
        callback.on_rollout_end()
        return True

    def _noise(self, shape: tuple[int, ...]) -> Floats:
        """Draw what explores in one rollout, from the seed and the step it begins at alone.

        So there is no generator to keep: a resumed training draws the same.
        """
        sequence = np.random.SeedSequence(self._luck, spawn_key=(self.num_timesteps,))
        generator = np.random.Generator(np.random.SFC64(sequence))
        return generator.standard_normal(shape, dtype=np.float32)

    def _value(
        self, net: FlatPolicy, rollout: Rollout, cut_at: list[tuple[int, int]], cut_in: list[Any]
    ) -> None:
        steps, lanes, size = rollout.observations.shape
        values, log_probs = net.judged(
            rollout.observations.reshape(-1, size), rollout.actions.reshape(-1, net.actions)
        )
        rollout.values[...] = values.reshape(steps, lanes)
        rollout.log_probs[...] = log_probs.reshape(steps, lanes)
        if cut_at:
            worth = net.values(np.asarray(cut_in, np.float32))
            at = tuple(np.array(cut_at).T)
            rollout.rewards[at] += np.float32(self.gamma) * worth
        rollout.pos, rollout.full = steps, True
        assert isinstance(self._last_obs, np.ndarray)
        assert self._last_episode_starts is not None
        last = net.values(self._last_obs)
        rollout.compute_returns_and_advantage(th.from_numpy(last), self._last_episode_starts)
