"""What learners with a memory have in common: SAC and its relatives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch as th
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFreq
from stable_baselines3.common.utils import FloatSchedule

from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._normalise import Normaliser
from mesosweep.algorithms._session import Halfway, Session, Watch
from mesosweep.algorithms._weights import Structure
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Lesson

_LOSSES = ("train/actor_loss", "train/critic_loss")
_WARMUP_LEARNING_RATE = 0.1
"""Share of the learning rate during warm-up, for all optimisers."""
_CHECK_EVERY = 256
"""Updates between two looks at all weights; the losses are looked at after each block."""
_BLOCK = 8
"""Updates made at one go; between two blocks there is time to ask whether to stop."""


class OffPolicyLearner(SB3Learner):
    """Trains with one of SB3's actor-critics that learn an entropy; see `ports.Learner`.

    A cycle is `train_freq` vector steps and the updates after them. It can be broken off
    and gone on with after each vector step and between two blocks of updates.
    """

    model_class: ClassVar[type[OffPolicyAlgorithm]]
    norm_reward = False
    keeps_boundaries = False

    def _scheduled(self, hyper: Mapping[str, Any]) -> tuple[str, ...]:
        learns = _learns_entropy(hyper["ent_coef"])
        return ("learning_rate",) if learns else ("learning_rate", "ent_coef")

    def _check(self, hyper: Mapping[str, Any], lesson: Lesson) -> None:
        if hyper["batch_size"] > hyper["buffer_size"]:
            raise SettingsError(
                f"{self.name}.batch_size: {hyper['batch_size']} does not fit the buffer of {hyper['buffer_size']}.",
                hint=f"Lower {self.name}_batch_size, or raise {self.name}_buffer_size.",
            )
        if hyper["learning_starts"] >= lesson.timesteps:
            raise SettingsError(
                f"{self.name}.learning_starts: {hyper['learning_starts']} leaves nothing of the "
                f"{lesson.timesteps} steps to learn in.",
                hint=f"Lower {self.name}_learning_starts, or raise --timesteps.",
            )
        ends = [name for name in ("ent_coef_end", "ent_coef_end_fraction") if name in hyper]
        if ends and _learns_entropy(hyper["ent_coef"]):
            raise SettingsError(
                f"{self.name}.{ends[0]}: {self.name} learns its entropy coefficient (ent_coef = "
                f"'{hyper['ent_coef']}'), so there is nothing to schedule.",
                hint=f"Set {self.name}_ent_coef to a number, or leave {self.name}_{ends[0]} out.",
            )
        for name in ("ent_coef", "target_entropy"):
            self._check_word(name, str(hyper[name]))

    def _check_word(self, name: str, value: str) -> None:
        number = value.removeprefix("auto_") if name == "ent_coef" else value
        if value == "auto":
            return
        try:
            valid = math.isfinite(float(number)) and (name != "ent_coef" or float(number) >= 0)
        except ValueError:
            valid = False
        if not valid or (value.startswith("auto_") and float(number) <= 0):
            also = ", 'auto_0.1'" if name == "ent_coef" else ""
            raise SettingsError(
                f"{self.name}.{name}: '{value}' is neither 'auto'{also} nor a number."
            )

    def _construct(
        self, env: Normaliser, hyper: Mapping[str, Any], structure: Structure, lesson: Lesson
    ) -> Any:
        return self.model_class(
            "MlpPolicy",
            env,
            # What has a default is the constructor's; the rest is ours.
            **{name: hyper[name] for name in self.algorithm.defaults},
            use_sde=structure.use_sde,
            policy_kwargs=structure.policy_kwargs(),
            seed=lesson.seed,
            device=lesson.device,
        )

    def _turn_knobs(self, session: Session, began: int) -> dict[str, float]:
        model = session.model
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

    # ── one cycle ────────────────────────────────────────────────────────────

    def _cycle(self, session: Session, watch: Watch) -> dict[str, float]:
        model, lanes = session.model, session.env.num_envs
        frequency = cast("TrainFreq", model.train_freq)  # SB3 has read it while building
        cycle = session.halfway = session.halfway or Halfway(session.step)
        steps = min(
            frequency.frequency, math.ceil((session.lesson.timesteps - cycle.began) / lanes)
        )
        watch.begin_cycle(end=min(cycle.began + steps * lanes, session.lesson.timesteps))
        if cycle.collected < steps:
            watch.pay()  # broken off in an evaluation between two of its steps
        while cycle.collected < steps:
            self._collect(session, cycle.collected)
            cycle.collected += 1
            watch.on_step()
        turned = self._turn_knobs(session, cycle.began)
        if not cycle.updated:
            cycle.told = turned
        updates = model.gradient_steps if model.gradient_steps >= 0 else steps * lanes
        if session.step <= model.learning_starts or not model.replay_buffer.size():
            updates = 0
        block = self._block(model)
        while cycle.updated < updates:
            if cycle.updated:
                watch.breathe()
            count = min(block, updates - cycle.updated)
            self._update(session, count)
            cycle.updated += count
        session.halfway = None
        record = model.logger.name_to_value if updates else {}
        found = {
            name.removeprefix("train/"): float(record[name]) for name in _LOSSES if name in record
        }
        return {**cycle.told, **found}

    def _collect(self, session: Session, nth: int) -> None:
        """Make the cycle's `nth` vector step and remember it.

        SB3's own loop knows a vector step only as a part of a whole cycle, and tells its
        callback of it before it is remembered: too early to break off.
        """
        model, env = session.model, session.env
        every = model.sde_sample_freq
        if model.use_sde and (nth == 0 or (every > 0 and nth % every == 0)):
            model.actor.reset_noise(env.num_envs)
        # A warm start knows better than to act at random until learning starts.
        starts = 0 if session.lesson.parent is not None else model.learning_starts
        actions, remembered = model._sample_action(starts, n_envs=env.num_envs)
        seen, rewards, dones, infos = env.step(actions)
        model.num_timesteps += env.num_envs
        if env.stepped == env.num_envs:  # else the very last step, partly beyond the budget
            model._store_transition(model.replay_buffer, remembered, seen, rewards, dones, infos)

    def _block(self, model: Any) -> int:
        """Return how many updates are made at one go.

        SB3 counts from the first of them when it decides whether to update the target
        network, so a block holds whole intervals.
        """
        interval = getattr(model, "target_update_interval", 1)
        return int(math.ceil(_BLOCK / interval) * interval)

    def _update(self, session: Session, count: int) -> None:
        model = session.model
        before = model._n_updates
        # What is told afterwards is of these updates, not of earlier ones.
        model.logger.name_to_value.clear()
        self._checked_update(session, lambda: model.train(count, model.batch_size), _LOSSES)
        if model._n_updates // _CHECK_EVERY > before // _CHECK_EVERY:
            session.check_weights()


def _learns_entropy(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("auto")
