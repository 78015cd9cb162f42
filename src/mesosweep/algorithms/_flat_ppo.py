"""SB3's PPO, collecting and updating on flat arrays: the same algorithm at the speed of the physics.

Hyperparameters, logged values, callbacks, zip and optimiser state are SB3's. What is not
covered (another network, device, optimiser or exploration) is done by SB3 itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.utils import explained_variance

from mesosweep.algorithms._flat import FlatPolicy
from mesosweep.algorithms._flat_loss import Batch, Terms, slopes
from mesosweep.algorithms._flat_rollouts import Engine, FlatRollouts
from mesosweep.algorithms._flat_told import Told
from mesosweep.algorithms._reflection import Reflection
from mesosweep.algorithms._rollout import Rollout


@dataclass(slots=True)
class Extras:
    """What one update does beyond SB3's; as it stands here, nothing."""

    reflection: Reflection | None = None
    """Train on the mirror image of every sample, too."""
    log_std_max: float | None = None
    """What no log std may exceed."""
    value_only: bool = False
    """Leave the policy alone: only the critic learns."""

    def hold(self, log_std: th.Tensor) -> None:
        """Bring the log std below its cap."""
        if self.log_std_max is not None:
            log_std.data.clamp_(max=self.log_std_max)


class FlatPPO(FlatRollouts):
    """PPO on flat arrays where `reason_against` has nothing against it, else SB3's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.extras = Extras()
        super().__init__(*args, **kwargs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "extras"]

    def train(self) -> None:
        """Update policy and value on the rollout, as SB3's `train` does."""
        engine = self._flat()
        if isinstance(self.rollout_buffer, Rollout) and self.extras.reflection is not None:
            self.rollout_buffer.add_twins(self.extras.reflection)
        if engine is None:
            self._train_by_sb3()
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        rollout, left = self.rollout_buffer, self._current_progress_remaining
        assert isinstance(rollout, Rollout)
        rollout.flatten()
        terms = Terms(
            clip_range=float(self.clip_range(left)),  # type: ignore[operator]  # a schedule by now
            clip_range_vf=None if self.clip_range_vf is None else float(self.clip_range_vf(left)),  # type: ignore[operator]
            ent_coef=self.ent_coef,
            vf_coef=self.vf_coef,
            normalize_advantage=self.normalize_advantage,
            value_only=self.extras.value_only,
        )
        # Numbers that are none are looked for once, after the update.
        with np.errstate(all="ignore"):
            told = self._epochs(engine, rollout, terms)
        self.extras.hold(self.policy.log_std)
        self._tell(told, terms, engine.net)

    def _epochs(self, engine: Engine, rollout: Rollout, terms: Terms) -> Told:
        net, adam, cap = engine.net, engine.adam, self.extras.log_std_max
        batch, told = Batch(rollout), Told(terms, twins=rollout.has_twins)
        limit = None if self.target_kl is None else 1.5 * self.target_kl
        for _ in range(self.n_epochs):
            told.begin_epoch()
            for rows in rollout.minibatches(self.batch_size):
                batch.take(rows)
                passed = net.forward(batch.observations)
                found = slopes(net, passed.mean, passed.value, batch, terms)
                told.add(found)
                if limit is not None and told.last_kl() > limit:
                    told.end_epoch()
                    self._n_updates += 1
                    return told
                net.backward(batch.observations, passed, found.mean, found.value)
                net.log_std_gradient[...] = found.log_std
                adam.step(max_grad_norm=self.max_grad_norm)
                if cap is not None:
                    np.minimum(net.log_std, np.float32(cap), out=net.log_std)
            told.end_epoch()
            self._n_updates += 1
        return told

    def _train_by_sb3(self) -> None:
        """Do the same, but for the speed, where the flat arrays do not reach."""
        frozen = []
        if self.extras.value_only:
            named = self.policy.named_parameters()
            frozen = [parameter for name, parameter in named if "value_net" not in name]
        for parameter in frozen:
            parameter.requires_grad_(False)  # torch's own name for it
        try:
            super().train()
        finally:
            for parameter in frozen:
                parameter.requires_grad_(True)
        self.extras.hold(self.policy.log_std)

    def _tell(self, told: Told, terms: Terms, net: FlatPolicy) -> None:
        rollout, record = self.rollout_buffer, self.logger.record
        for name, value in told.values().items():
            record(f"train/{name}", value)
        spread = explained_variance(rollout.values.flatten(), rollout.returns.flatten())
        record("train/explained_variance", spread)
        record("train/std", float(np.exp(net.log_std).mean()))
        record("train/n_updates", self._n_updates, exclude="tensorboard")
        record("train/clip_range", terms.clip_range)
        if terms.clip_range_vf is not None:
            record("train/clip_range_vf", terms.clip_range_vf)
