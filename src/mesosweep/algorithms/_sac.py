"""SAC as a learner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch as th
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.utils import FloatSchedule

from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._normalise import Normaliser
from mesosweep.algorithms._session import Session, Watch
from mesosweep.algorithms._weights import Structure
from mesosweep.algorithms.sb3 import SAC
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Lesson

_LOSSES = ("train/actor_loss", "train/critic_loss")
_WARMUP_LEARNING_RATE = 0.1
"""Share of the learning rate during warm-up, for all optimisers."""
_CHECK_EVERY = 256
"""Updates between two looks at all weights; the losses are looked at after each."""


class ExactSAC(SB3SAC):
    """SAC that leaves a vector step which is only partly in the budget out of its memory."""

    def _store_transition(self, replay_buffer: ReplayBuffer, *args: Any, **kwargs: Any) -> None:
        env = self.env
        if isinstance(env, Normaliser) and env.stepped < env.num_envs:
            return  # the very last step of a training; nothing follows it
        super()._store_transition(replay_buffer, *args, **kwargs)


class SACLearner(SB3Learner):
    """Trains with SB3's SAC; see `ports.Learner`.

    A cycle is `train_freq` vector steps and the updates after them: short, so that
    requests to stop wait for its end and the state is always whole.
    """

    algorithm = SAC
    name = "sac"
    norm_reward = False
    default_structure = Structure("sac", (256, 256), "relu")
    keeps_boundaries = False

    def _scheduled(self, hyper: Mapping[str, Any]) -> tuple[str, ...]:
        learns = _learns_entropy(hyper["ent_coef"])
        return ("learning_rate",) if learns else ("learning_rate", "ent_coef")

    def _check(self, hyper: Mapping[str, Any], lesson: Lesson) -> None:
        if hyper["batch_size"] > hyper["buffer_size"]:
            raise SettingsError(
                f"sac.batch_size: {hyper['batch_size']} does not fit the buffer of {hyper['buffer_size']}.",
                hint="Lower sac_batch_size, or raise sac_buffer_size.",
            )
        if hyper["learning_starts"] >= lesson.timesteps:
            raise SettingsError(
                f"sac.learning_starts: {hyper['learning_starts']} leaves nothing of the "
                f"{lesson.timesteps} steps to learn in.",
                hint="Lower sac_learning_starts, or raise --timesteps.",
            )
        ends = [name for name in ("ent_coef_end", "ent_coef_end_fraction") if name in hyper]
        if ends and _learns_entropy(hyper["ent_coef"]):
            raise SettingsError(
                f"sac.{ends[0]}: SAC learns its entropy coefficient (ent_coef = "
                f"'{hyper['ent_coef']}'), so there is nothing to schedule.",
                hint=f"Set sac_ent_coef to a number, or leave sac_{ends[0]} out.",
            )
        for name in ("ent_coef", "target_entropy"):
            _check_word(name, str(hyper[name]))

    def _construct(
        self, env: Normaliser, hyper: Mapping[str, Any], structure: Structure, lesson: Lesson
    ) -> ExactSAC:
        plain = (
            *("learning_rate", "buffer_size", "learning_starts", "batch_size", "tau", "gamma"),
            *("train_freq", "gradient_steps", "n_steps", "ent_coef", "target_update_interval"),
            *("target_entropy", "sde_sample_freq", "use_sde_at_warmup"),
        )
        return ExactSAC(
            "MlpPolicy",
            env,
            **{name: hyper[name] for name in plain},
            use_sde=structure.use_sde,
            policy_kwargs=structure.policy_kwargs(),
            seed=lesson.seed,
            device=lesson.device,
        )

    def _turn_knobs(self, session: Session, began: int) -> dict[str, float]:
        model: ExactSAC = session.model
        warms = session.shaping.warms(began)
        rate = session.scheduled("learning_rate") * (_WARMUP_LEARNING_RATE if warms else 1.0)
        model.learning_rate = rate
        model.lr_schedule = FloatSchedule(rate)
        if model.log_ent_coef is not None:
            return {"learning_rate": rate, "ent_coef": float(model.log_ent_coef.detach().exp())}
        entropy = session.scheduled("ent_coef")
        if warms and session.shaping.warmup_ent_coef is not None:
            entropy = session.shaping.warmup_ent_coef
        model.ent_coef = entropy
        model.ent_coef_tensor = th.tensor(entropy, device=model.device)
        return {"learning_rate": rate, "ent_coef": entropy}

    def _cycle(self, session: Session, watch: Watch) -> dict[str, float]:
        model: ExactSAC = session.model
        began, lanes = session.step, session.env.num_envs
        frequency = cast("TrainFreq", model.train_freq)  # SB3 has read it while building
        assert model.replay_buffer is not None
        left = session.lesson.timesteps - began
        steps = min(frequency.frequency, math.ceil(left / lanes))
        watch.begin_cycle(end=min(began + steps * lanes, session.lesson.timesteps))
        model.collect_rollouts(
            session.env,
            watch,
            TrainFreq(steps, TrainFrequencyUnit.STEP),
            model.replay_buffer,
            # A warm start knows better than to act at random until learning starts.
            learning_starts=0 if session.lesson.parent is not None else model.learning_starts,
        )
        told = self._turn_knobs(session, began)
        updates = model.gradient_steps if model.gradient_steps >= 0 else steps * lanes
        if session.step <= model.learning_starts or not updates or not model.replay_buffer.size():
            return told
        before = model._n_updates
        self._checked_update(session, lambda: model.train(updates, model.batch_size), _LOSSES)
        if model._n_updates // _CHECK_EVERY > before // _CHECK_EVERY:
            session.check_weights()
        record = model.logger.name_to_value
        return {**told, **{name.removeprefix("train/"): float(record[name]) for name in _LOSSES}}


def _learns_entropy(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("auto")


def _check_word(name: str, value: str) -> None:
    number = value.removeprefix("auto_") if name == "ent_coef" else value
    if value == "auto":
        return
    try:
        valid = math.isfinite(float(number)) and (name != "ent_coef" or float(number) >= 0)
    except ValueError:
        valid = False
    if not valid or (value.startswith("auto_") and float(number) <= 0):
        also = ", 'auto_0.1'" if name == "ent_coef" else ""
        raise SettingsError(f"sac.{name}: '{value}' is neither 'auto'{also} nor a number.")
