"""SB3's SAC, updating on flat arrays: the same numbers for less than half of the time.

Collecting, memory, hyperparameters, logged values, zip and optimiser states are SB3's, and
so are the random numbers. What is not covered is done by SB3's own `train`.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch as th
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.distributions import SquashedDiagGaussianDistribution
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import SACPolicy

from mesosweep.algorithms import _flat_adam
from mesosweep.algorithms._flat import adopt, foreign_space, hidden_layers
from mesosweep.algorithms._flat_adam import FlatAdam
from mesosweep.algorithms._flat_critic import Critic
from mesosweep.algorithms._flat_squashed import SquashedActor

_log = logging.getLogger(__name__)


def reason_against(model: Any) -> str | None:
    """Say what of a SAC is not covered here; None when all of it is."""
    policy: Any = model.policy
    if type(policy) is not SACPolicy:
        return f"a {type(policy).__name__}"
    actor: Any = policy.actor
    critic: Any = policy.critic
    if type(actor.action_dist) is not SquashedDiagGaussianDistribution:
        return "exploration that is no squashed Gaussian"
    if (found := foreign_space(policy)) is not None:
        return found
    if any(p.device.type != "cpu" or p.dtype != th.float32 for p in policy.parameters()):
        return "parameters that are not float32 on the CPU"
    if {type(net.features_extractor) for net in (actor, critic)} != {FlattenExtractor}:
        return "another features extractor"
    if len(critic.q_networks) != 2:
        return f"{len(critic.q_networks)} critics"
    for net in (actor.latent_pi, *(list(q)[:-1] for q in critic.q_networks)):
        if not hidden_layers(net):
            return "a network that is no plain MLP"
    return _flat_adam.reason_against(actor) or _flat_adam.reason_against(critic)


class _Engine:
    """Actor, critic and its target as flat arrays."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.actor, self.critic = SquashedActor(policy.actor), Critic(policy.critic)
        self.target = Critic(policy.critic_target)
        self.actor_adam = FlatAdam(self.actor.parameters, self.actor.gradient)
        self.critic_adam = FlatAdam(self.critic.parameters, self.critic.gradient)

    def adopt(self) -> None:
        policy = self.policy
        adopt(self.actor.parameters, policy.actor)
        adopt(self.critic.parameters, policy.critic)
        adopt(self.target.parameters, policy.critic_target)
        self.actor_adam.adopt(policy.actor)
        self.critic_adam.adopt(policy.critic)


class FlatSAC(SB3SAC):
    """SAC on flat arrays where `reason_against` has nothing against it, else SB3's own."""

    policy: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engine: _Engine | None = None
        self._told_reason: str | None = "not asked yet"
        super().__init__(*args, **kwargs)

    def _excluded_save_params(self) -> list[str]:
        # A zip must open where we are not installed.
        return [*super()._excluded_save_params(), "_engine", "_told_reason"]

    def _flat(self) -> _Engine | None:
        reason = reason_against(self)
        if reason != self._told_reason:
            self._told_reason = reason
            if reason is None:
                _log.info("sac: updates on flat arrays")
            else:
                _log.warning("sac: stable-baselines3 updates, because of %s", reason)
        if reason is not None:
            return None
        if self._engine is None or self._engine.policy is not self.policy:
            self._engine = _Engine(self.policy)
        self._engine.adopt()
        return self._engine

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Update actor, critics and entropy on draws from memory, as SB3's `train` does."""
        engine = self._flat()
        if engine is None:
            super().train(gradient_steps, batch_size)
            return
        self.policy.set_training_mode(True)
        optimizers = [self.actor.optimizer, self.critic.optimizer]
        if self.ent_coef_optimizer is not None:
            optimizers.append(self.ent_coef_optimizer)
        self._update_learning_rate(optimizers)
        told: dict[str, list[float]] = {"ent_coef": [], "actor_loss": [], "critic_loss": []}
        with np.errstate(all="ignore"):
            for step in range(gradient_steps):
                self._one(engine, batch_size, told)
                if step % self.target_update_interval == 0:
                    engine.target.follow(engine.critic, self.tau)
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for name, values in told.items():
            self.logger.record(f"train/{name}", float(np.mean(values)))

    def _one(self, engine: _Engine, batch_size: int, told: dict[str, list[float]]) -> None:
        assert self.replay_buffer is not None
        drawn = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
        seen, done, then, ends, rewards = (
            tensor.numpy()
            for tensor in (
                *(drawn.observations, drawn.actions, drawn.next_observations),
                *(drawn.dones, drawn.rewards),
            )
        )
        discounts: Any = self.gamma if drawn.discounts is None else drawn.discounts.numpy()[:, 0]
        actor, critic, share = engine.actor, engine.critic, np.float32(1 / len(seen))
        # In SB3's order: the draws of noise are the same.
        played = actor.play(seen, name="now")
        ent_coef = self._entropy(float(np.mean(played.log_prob)), told)
        later = actor.play(then, name="then")
        worth = engine.target.worth(np.concatenate((then, later.actions), axis=1)).min(axis=0)
        worth -= ent_coef * later.log_prob
        wanted = rewards[:, 0] + (1 - ends[:, 0]) * discounts * worth

        both = np.concatenate((seen, done), axis=1)
        error = critic.worth(both) - wanted.astype(np.float32)
        told["critic_loss"].append(0.5 * float(np.mean(error * error, axis=1).sum()))
        error *= share
        critic.backward(both, error)
        engine.critic_adam.step()

        both[:, seen.shape[1] :] = played.actions
        values = critic.worth(both)
        lower = values.min(axis=0)
        told["actor_loss"].append(float(np.mean(ent_coef * played.log_prob - lower)))
        slope = critic.action_slope(both, -share * (np.argmin(values, axis=0) == [[0], [1]]))
        actor.backward(seen, played, slope, ent_coef * share)
        engine.actor_adam.step()

    def _entropy(self, log_prob: float, told: dict[str, list[float]]) -> np.float32:
        """Return the entropy coefficient in force, and learn it if it is learned."""
        if self.ent_coef_optimizer is None or self.log_ent_coef is None:
            found = float(self.ent_coef_tensor)
        else:
            assert isinstance(self.target_entropy, float)
            found = float(th.exp(self.log_ent_coef.detach()))
            slope = -(log_prob + self.target_entropy)
            told.setdefault("ent_coef_loss", []).append(float(self.log_ent_coef.detach()) * slope)
            self.log_ent_coef.grad = th.full_like(self.log_ent_coef, slope)
            self.ent_coef_optimizer.step()
        told["ent_coef"].append(found)
        return np.float32(found)
