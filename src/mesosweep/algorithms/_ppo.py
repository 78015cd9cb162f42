"""PPO as a learner."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import torch as th
from stable_baselines3 import PPO as SB3PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples
from stable_baselines3.common.utils import FloatSchedule

from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._normalise import Normaliser
from mesosweep.algorithms._schedules import ppo_warmup_ent_coef
from mesosweep.algorithms._session import Session, Watch
from mesosweep.algorithms._weights import Structure
from mesosweep.algorithms.sb3 import PPO
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Array, Lesson

_SCHEDULED = ("learning_rate", "clip_range", "ent_coef")
_LOSSES = ("train/loss", "train/policy_gradient_loss", "train/value_loss")
_TOLD = (*_LOSSES, "train/approx_kl", "train/explained_variance", "train/std")


class Rollout(RolloutBuffer):
    """SB3's rollout, with room for a last vector step that is only partly in the budget."""

    def __init__(
        self,
        *args: Any,
        surplus: int = 0,
        between: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.surplus = surplus
        """Lanes, counted from the last, whose last step lies beyond the budget."""
        self._between = between

    def compute_returns_and_advantage(self, last_values: th.Tensor, dones: Array) -> None:
        """Estimate returns; surplus transitions neither count nor leak into earlier ones."""
        if not self.surplus:
            super().compute_returns_and_advantage(last_values, dones)
            return
        over = slice(self.n_envs - self.surplus, None)
        # With a terminal reward equal to the value, the surplus step has no advantage
        # to hand back; the step before it bootstraps from the value of its next state.
        self.rewards[-1, over] = self.values[-1, over]
        ended = dones.copy()
        ended[over] = True
        super().compute_returns_and_advantage(last_values, ended)
        self._leave_out(over)

    def _leave_out(self, lanes: slice) -> None:
        kept = np.ones((self.buffer_size, self.n_envs), dtype=bool)
        kept[-1, lanes] = False
        rows = self.swap_and_flatten(kept).reshape(-1)
        for name in ("observations", "actions", "values", "log_probs", "advantages", "returns"):
            setattr(self, name, self.swap_and_flatten(getattr(self, name))[rows])
        self.generator_ready = True  # flat already
        self.buffer_size, self.n_envs = int(rows.sum()), 1

    def get(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples, None, None]:
        """Yield minibatches; between any two there is time to ask whether to stop."""
        for batch in super().get(batch_size):
            self._between()
            yield batch


class PPOLearner(SB3Learner):
    """Trains with SB3's PPO; see `ports.Learner`."""

    algorithm = PPO
    name = "ppo"
    norm_reward = True
    default_structure = Structure("ppo", (64, 64), "tanh")
    keeps_boundaries = True
    rollout_class = Rollout

    def _check(self, hyper: Mapping[str, Any], lesson: Lesson) -> None:
        rollout = hyper["n_steps"] * lesson.n_envs
        if hyper["batch_size"] > rollout:
            raise SettingsError(
                f"ppo.batch_size: {hyper['batch_size']} does not fit the rollout of {rollout} "
                f"(n_steps {hyper['n_steps']} × n_envs {lesson.n_envs}).",
                hint="Lower ppo_batch_size, or raise ppo_n_steps or --n-envs.",
            )

    def _scheduled(self, hyper: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002  # all, always
        return _SCHEDULED

    def _construct(
        self, env: Normaliser, hyper: Mapping[str, Any], structure: Structure, lesson: Lesson
    ) -> SB3PPO:
        plain = (
            *("learning_rate", "n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda"),
            *("clip_range", "clip_range_vf", "normalize_advantage", "ent_coef", "vf_coef"),
            *("max_grad_norm", "sde_sample_freq", "target_kl"),
        )
        start = {name: hyper[name] for name in ("log_std_init", "ortho_init") if name in hyper}
        return SB3PPO(
            "MlpPolicy",
            env,
            **{name: hyper[name] for name in plain if name in hyper},
            use_sde=structure.use_sde,
            policy_kwargs={**structure.policy_kwargs(), **start},
            seed=lesson.seed,
            device=lesson.device,
        )

    def _turn_knobs(self, session: Session, began: int) -> dict[str, float]:
        model: SB3PPO = session.model
        values = {name: session.scheduled(name) for name in _SCHEDULED}
        if session.shaping.warms(began):
            values["clip_range"] = session.shaping.warmup_clip_range
            values["ent_coef"] = ppo_warmup_ent_coef(session.shaping)
        # Numbers, not functions of ours: the zip must open where we are not installed.
        model.learning_rate = values["learning_rate"]
        model.lr_schedule = FloatSchedule(values["learning_rate"])
        model.clip_range = FloatSchedule(values["clip_range"])
        model.ent_coef = values["ent_coef"]
        return values

    def _cycle(self, session: Session, watch: Watch) -> dict[str, float]:
        model: SB3PPO = session.model
        began, lanes = session.step, session.env.num_envs
        left = session.lesson.timesteps - began
        steps = min(model.n_steps, math.ceil(left / lanes))
        rollout = self._rollout(model, steps, surplus=max(steps * lanes - left, 0), watch=watch)
        model.rollout_buffer = rollout
        watch.begin_cycle(end=min(began + steps * lanes, session.lesson.timesteps))
        model.collect_rollouts(session.env, watch, rollout, n_rollout_steps=steps)
        told = self._turn_knobs(session, began)
        self._checked_update(session, model.train, _LOSSES)
        session.check_weights()
        record = model.logger.name_to_value
        found = {
            name.removeprefix("train/"): float(record[name]) for name in _TOLD if name in record
        }
        return {**told, **{name: value for name, value in found.items() if math.isfinite(value)}}

    def _rollout(self, model: SB3PPO, steps: int, *, surplus: int, watch: Watch) -> Rollout:
        return self.rollout_class(
            steps,
            model.observation_space,
            model.action_space,
            device=model.device,
            gae_lambda=model.gae_lambda,
            gamma=model.gamma,
            n_envs=model.n_envs,
            surplus=surplus,
            between=watch.breathe,
        )
