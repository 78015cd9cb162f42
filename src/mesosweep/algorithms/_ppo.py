"""PPO as a learner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.utils import FloatSchedule

from mesosweep.algorithms._average import Average
from mesosweep.algorithms._course import Course, course
from mesosweep.algorithms._flat_ppo import FlatPPO
from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._normalise import Normaliser
from mesosweep.algorithms._reflection import Reflection
from mesosweep.algorithms._rollout import Rollout
from mesosweep.algorithms._schedules import ppo_warmup_ent_coef
from mesosweep.algorithms._session import Session, Watch
from mesosweep.algorithms._settings import resolved
from mesosweep.algorithms._weights import Structure
from mesosweep.algorithms.sb3 import PPO
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Ground, Lesson

_SCHEDULED = ("learning_rate", "clip_range", "ent_coef")
_LOSSES = ("train/loss", "train/policy_gradient_loss", "train/value_loss")
_TOLD = (*_LOSSES, "train/approx_kl", "train/explained_variance", "train/std")


class PPOLearner(SB3Learner):
    """Trains with PPO on flat arrays, or with SB3's own where that is not covered; see `ports.Learner`."""

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
        course(hyper, lesson)

    def _scheduled(self, hyper: Mapping[str, Any]) -> tuple[str, ...]:
        return (*_SCHEDULED, "log_std_max") if "log_std_max" in hyper else _SCHEDULED

    def _reflection(self, hyper: Mapping[str, Any], ground: Ground) -> Reflection | None:
        if not hyper.get("mirror"):
            return None
        mirror = ground.mirror()
        if mirror is None:
            raise SettingsError(
                "ppo.mirror: this species declares no left-right symmetry to train with.",
                hint="Leave ppo_mirror out, or have the species declare `Body.mirror`.",
            )
        return Reflection(
            mirror,
            observations=ground.observation_space().shape[0],
            actions=ground.action_space().shape[0],
        )

    def _equip(self, session: Session, hyper: Mapping[str, Any]) -> None:
        model: FlatPPO = session.model
        model.extras.reflection = session.env.obs_rms.reflection
        if session.structure.use_sde and ("log_std_max" in hyper or "log_std_reset" in hyper):
            raise SettingsError(
                "ppo.log_std_max and ppo.log_std_reset: with ppo.use_sde the log std is no "
                "standard deviation of actions.",
                hint="Leave one of the two out.",
            )
        options = course(hyper, session.lesson)
        if options.log_std_reset is not None:
            model.policy.log_std.data.fill_(options.log_std_reset)
        if "log_std_max" in session.schedules:
            model.extras.log_std_max = session.scheduled("log_std_max")
            model.extras.hold(model.policy.log_std)
        if options.ema_decay:
            session.average = Average(model.policy, session.structure, decay=options.ema_decay)

    def _construct(
        self, env: Normaliser, hyper: Mapping[str, Any], structure: Structure, lesson: Lesson
    ) -> FlatPPO:
        plain = (
            *("learning_rate", "n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda"),
            *("clip_range", "clip_range_vf", "normalize_advantage", "ent_coef", "vf_coef"),
            *("max_grad_norm", "sde_sample_freq", "target_kl"),
        )
        start = {name: hyper[name] for name in ("log_std_init", "ortho_init") if name in hyper}
        return FlatPPO(
            "MlpPolicy",
            env,
            **{name: hyper[name] for name in plain if name in hyper},
            use_sde=structure.use_sde,
            policy_kwargs={**structure.policy_kwargs(), **start},
            seed=lesson.seed,
            device=lesson.device,
        )

    def _turn_knobs(self, session: Session, began: int) -> dict[str, float]:
        model: FlatPPO = session.model
        options = self._course(session)
        values = {name: session.scheduled(name) for name in session.schedules}
        if options.steering is not None:
            values["learning_rate"] = session.own.get("learning_rate", values["learning_rate"])
        # The gentle start is the policy's, so it begins when the policy does.
        if session.shaping.warms(began - options.value_warmup):
            values["clip_range"] = session.shaping.warmup_clip_range
            values["ent_coef"] = ppo_warmup_ent_coef(session.shaping)
        # Numbers, not functions of ours: the zip must open where we are not installed.
        model.learning_rate = values["learning_rate"]
        model.lr_schedule = FloatSchedule(values["learning_rate"])
        model.clip_range = FloatSchedule(values["clip_range"])
        model.ent_coef = values["ent_coef"]
        model.extras.log_std_max = values.get("log_std_max")
        model.extras.value_only = options.learns_value_only(began)
        return values

    def _course(self, session: Session) -> Course:
        lesson = session.lesson
        return course(resolved(self.algorithm, lesson.hyperparameters), lesson)

    def _cycle(self, session: Session, watch: Watch) -> dict[str, float]:
        model: FlatPPO = session.model
        began, lanes = session.step, session.env.num_envs
        left = session.lesson.timesteps - began
        steps = min(model.n_steps, math.ceil(left / lanes))
        rollout = self._rollout(model, steps, surplus=max(steps * lanes - left, 0), watch=watch)
        model.rollout_buffer = rollout
        watch.begin_cycle(end=min(began + steps * lanes, session.lesson.timesteps))
        model.collect_rollouts(session.env, watch, rollout, n_rollout_steps=steps)
        told = self._turn_knobs(session, began)
        self._begin_policy(session)
        self._checked_update(session, model.train, _LOSSES)
        session.check_weights()
        record = model.logger.name_to_value
        self._look_back(session, told["learning_rate"], float(record["train/approx_kl"]))
        found = {
            name.removeprefix("train/"): float(record[name]) for name in _TOLD if name in record
        }
        return {**told, **{name: value for name, value in found.items() if math.isfinite(value)}}

    def _begin_policy(self, session: Session) -> None:
        """Forget the moments of the value's warm-up, before the policy's first update.

        The policy's own are zeros by then, but their step count is not: Adam would take
        steps that are several times too long.
        """
        model: FlatPPO = session.model
        if model.extras.value_only:
            session.own["value_only"] = 1.0
        elif session.own.pop("value_only", None):
            model.policy.optimizer.state.clear()

    def _look_back(self, session: Session, rate: float, divergence: float) -> None:
        """Take note of what an update did to the policy."""
        options = self._course(session)
        if options.steering is not None and not session.model.extras.value_only:
            session.own["learning_rate"] = options.steering.after(rate, divergence)
        if session.average is not None:
            session.average.follow()

    def _rollout(self, model: FlatPPO, steps: int, *, surplus: int, watch: Watch) -> Rollout:
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
