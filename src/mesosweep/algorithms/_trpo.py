"""TRPO as a learner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sb3_contrib
from stable_baselines3.common.utils import FloatSchedule

from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._normalise import Normaliser
from mesosweep.algorithms._rollout import Rollout
from mesosweep.algorithms._session import Session, Watch
from mesosweep.algorithms._weights import Structure
from mesosweep.algorithms.contrib import TRPO
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Lesson

_SCHEDULED = ("learning_rate", "target_kl")
_LOSSES = ("train/policy_objective", "train/value_loss")
_TOLD = (
    *(*_LOSSES, "train/kl_divergence_loss", "train/is_line_search_success"),
    *("train/explained_variance", "train/std"),
)
_WARMUP_TRUST = 0.1
"""Share of the trust region during warm-up; the critic learns at its full rate meanwhile."""


class TRPOLearner(SB3Learner):
    """Trains with sb3-contrib's TRPO; see `ports.Learner`."""

    algorithm = TRPO
    name = "trpo"
    norm_reward = True
    default_structure = Structure("trpo", (64, 64), "tanh")
    keeps_boundaries = True
    rollout_class = Rollout

    def _check(self, hyper: Mapping[str, Any], lesson: Lesson) -> None:
        rollout = hyper["n_steps"] * lesson.n_envs
        for name in ("batch_size", "sub_sampling_factor"):
            if hyper[name] > rollout:
                raise SettingsError(
                    f"trpo.{name}: {hyper[name]} does not fit the rollout of {rollout} "
                    f"(n_steps {hyper['n_steps']} × n_envs {lesson.n_envs}).",
                    hint=f"Lower trpo_{name}, or raise trpo_n_steps or --n-envs.",
                )

    def _scheduled(self, hyper: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002  # all, always
        return _SCHEDULED

    def _construct(
        self, env: Normaliser, hyper: Mapping[str, Any], structure: Structure, lesson: Lesson
    ) -> sb3_contrib.TRPO:
        start = {name: hyper[name] for name in ("log_std_init", "ortho_init") if name in hyper}
        return sb3_contrib.TRPO(
            "MlpPolicy",
            env,
            # What has a default is the constructor's; the rest is the policy's, or ours.
            **{name: hyper[name] for name in self.algorithm.defaults},
            use_sde=structure.use_sde,
            policy_kwargs={**structure.policy_kwargs(), **start},
            seed=lesson.seed,
            device=lesson.device,
        )

    def _turn_knobs(self, session: Session, began: int) -> dict[str, float]:
        model: sb3_contrib.TRPO = session.model
        values = {name: session.scheduled(name) for name in _SCHEDULED}
        if session.shaping.warms(began):
            values["target_kl"] *= _WARMUP_TRUST
        model.learning_rate = values["learning_rate"]
        model.lr_schedule = FloatSchedule(values["learning_rate"])
        model.target_kl = values["target_kl"]
        return values

    def _cycle(self, session: Session, watch: Watch) -> dict[str, float]:
        model: sb3_contrib.TRPO = session.model
        began, lanes = session.step, session.env.num_envs
        left = session.lesson.timesteps - began
        steps = min(model.n_steps, math.ceil(left / lanes))
        rollout = self.rollout_class(
            steps,
            model.observation_space,
            model.action_space,
            device=model.device,
            gae_lambda=model.gae_lambda,
            gamma=model.gamma,
            n_envs=model.n_envs,
            surplus=max(steps * lanes - left, 0),
            between=watch.breathe,
        )
        model.rollout_buffer = rollout
        watch.begin_cycle(end=min(began + steps * lanes, session.lesson.timesteps))
        model.collect_rollouts(session.env, watch, rollout, n_rollout_steps=steps)
        told = self._turn_knobs(session, began)
        asked = model.normalize_advantage
        # The last rollout may hold a single sample, which has no spread to normalise by.
        model.normalize_advantage = asked and session.step - began > model.sub_sampling_factor
        self._checked_update(session, model.train, _LOSSES)
        model.normalize_advantage = asked
        session.check_weights()
        record = model.logger.name_to_value
        found = {
            name.removeprefix("train/"): float(record[name]) for name in _TOLD if name in record
        }
        return {**told, **{name: value for name, value in found.items() if math.isfinite(value)}}
