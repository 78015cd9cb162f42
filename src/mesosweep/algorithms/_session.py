"""One training under way: the model, its envs, and all that is watched while it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy

from mesosweep.algorithms._normalise import Lens, Normaliser, write_statistics
from mesosweep.algorithms._schedules import Schedule, Shaping
from mesosweep.algorithms._weights import Structure, all_finite, write_policy
from mesosweep.ports import Array, Lesson, Observer, Policy

RAMPED = "forward_vel_weight"
"""The one env setting that the reward ramp moves."""
_SIGN_OF_LIFE = 32
"""Vector steps between two reports in which nothing but the step is new."""


class StopAsked(Exception):  # a signal inside this package, never seen outside
    """The observer wants training to end."""


@dataclass(slots=True, eq=False)
class Session:
    """A built training; `model.num_timesteps` is where it stands."""

    lesson: Lesson
    model: Any
    """An SB3 algorithm; the two have no common type for what differs between them."""
    env: Normaliser
    structure: Structure
    schedules: Mapping[str, Schedule]
    shaping: Shaping
    best: float = -math.inf
    ramped: float | None = field(default=None, init=False)

    @property
    def step(self) -> int:
        return int(self.model.num_timesteps)

    def scheduled(self, name: str) -> float:
        """Return the value that a schedule gives at the present step."""
        return self.schedules[name].at(self.step / self.lesson.timesteps)

    def save(self, path: Path) -> None:
        """Write policy zip and statistics."""
        write_policy(self.model, self.structure, path)
        write_statistics(self.env, path)

    def ramp(self) -> None:
        """Give the training envs the ramped weight of the present step."""
        value = self.shaping.ramp_at(self.step)
        if value is not None and value != self.ramped:
            self.env.env_method("change_setting", RAMPED, value)
            self.ramped = value

    def check_weights(self) -> None:
        """Raise FloatingPointError when the policy has stopped being numbers."""
        if not all_finite(self.model.policy):
            raise FloatingPointError(
                f"The policy's weights are no longer finite after {self.step} steps."
            )


class Watch(BaseCallback):
    """Sits inside SB3's collecting of experience: exact count, evaluations, ramp, requests to stop."""

    model: BaseAlgorithm

    def __init__(self, session: Session, observer: Observer, *, may_stop: bool) -> None:
        super().__init__()
        self._session, self._observer = session, observer
        self._may_stop = may_stop
        """Whether to break off inside a cycle; else the learner asks between cycles."""
        self._cycle_end = 0
        self._before_last = 0
        self._vector_steps = 0

    def begin_cycle(self, *, end: int) -> None:
        """Get ready for the steps up to `end`, after which the policy is updated."""
        self._cycle_end = end
        self._aim()
        self._session.ramp()

    def end_cycle(self) -> None:
        """Judge the updated policy when an evaluation fell due on the cycle's last step."""
        session = self._session
        if session.step < session.lesson.timesteps and self._is_due():
            self.judge()

    def _on_step(self) -> bool:
        session = self._session
        self._before_last = session.step - session.env.num_envs
        # A vector step counts n_envs; the budget may end inside one.
        session.model.num_timesteps = min(session.step, session.lesson.timesteps)
        if session.step < self._cycle_end and self._is_due():
            self.judge()
        self._aim()
        session.ramp()
        self.breathe()
        self._vector_steps += 1
        if self._vector_steps % _SIGN_OF_LIFE == 0:
            self._observer.stepped(session.step, {})
        return True

    def breathe(self) -> None:
        """Stop here if somebody asked and it is possible here."""
        if self._may_stop and self._observer.should_stop():
            raise StopAsked

    def judge(self) -> None:
        """Have the policy evaluated; publish it when it is the best so far."""
        session = self._session
        session.check_weights()
        policy = frozen(session.model.policy, session.env.lens())
        score = self._observer.evaluate(policy, step=session.step).score
        if math.isfinite(score.mean_reward) and score.mean_reward > session.best:
            session.best = score.mean_reward
            self._observer.new_best(session.save, step=session.step)

    def _is_due(self) -> bool:
        every = self._session.lesson.eval_freq
        return self._session.step // every > self._before_last // every

    def _aim(self) -> None:
        left = self._session.lesson.timesteps - self._session.step
        self._session.env.counted = min(self._session.env.num_envs, max(left, 1))


def frozen(network: BasePolicy, lens: Lens) -> Policy:
    """Return the deterministic policy over raw observations that this network is now."""

    def act(observations: Array) -> Array:
        actions, _ = network.predict(lens(observations), deterministic=True)
        return actions

    return act
