"""One training under way: the model, its envs, and all that is watched while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy

from mesosweep.algorithms._acting import actor_of
from mesosweep.algorithms._average import Average
from mesosweep.algorithms._normalise import Lens, Normaliser, write_statistics
from mesosweep.algorithms._schedules import Schedule, Shaping
from mesosweep.algorithms._weights import Structure, all_finite, write_policy
from mesosweep.domain.errors import Interrupted
from mesosweep.ports import Array, Lesson, Observer, Policy

RAMPED = "forward_vel_weight"
"""The one env setting that the reward ramp moves."""
_SIGN_OF_LIFE = 32
"""Breaths between two reports in which nothing but the step is new."""


class StopAsked(Exception):  # a signal inside this package, never seen outside
    """The observer wants training to end."""


@dataclass(slots=True)
class Halfway:
    """How far a cycle of collecting and then updating has come."""

    began: int
    """Step at which it began."""
    collected: int = 0
    """Vector steps."""
    updated: int = 0
    told: dict[str, float] = field(default_factory=dict)
    """What its updates began with: learning rate and entropy."""


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
    owes: bool = False
    """An evaluation fell due at the present step and has not been done."""
    halfway: Halfway | None = None
    """The cycle under way, for learners that can go on in the middle of one."""
    average: Average | None = None
    """The averaged policy, where there is one: then it is what is judged and saved."""
    own: dict[str, float] = field(default_factory=dict)
    """What the algorithm itself remembers between cycles; checkpoints keep it."""
    ramped: float | None = field(default=None, init=False)

    @property
    def step(self) -> int:
        return int(self.model.num_timesteps)

    @property
    def policy(self) -> Policy:
        """The deterministic policy that is judged and saved, as it is now."""
        network = self.model.policy if self.average is None else self.average.network
        return frozen(network, self.env.lens())

    def scheduled(self, name: str) -> float:
        """Return the value that a schedule gives at the present step."""
        return self.schedules[name].at(self.step / self.lesson.timesteps)

    def save(self, path: Path) -> None:
        """Write policy zip and statistics."""
        with nullcontext() if self.average is None else self.average.in_place():
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
    """Sits beside the collecting of experience: exact count, evaluations, ramp, requests to stop."""

    model: BaseAlgorithm

    def __init__(self, session: Session, observer: Observer) -> None:
        super().__init__()
        self._session, self._observer = session, observer
        self._cycle_end = 0
        self._breaths = 0

    def begin_cycle(self, *, end: int) -> None:
        """Get ready for the steps up to `end`, after which the policy is updated."""
        self._cycle_end = end
        self._aim()
        self._session.ramp()

    def _on_step(self) -> bool:
        session = self._session
        before, every = session.step - session.env.num_envs, session.lesson.eval_freq
        # A vector step counts n_envs; the budget may end inside one.
        session.model.num_timesteps = min(session.step, session.lesson.timesteps)
        session.owes = session.step // every > before // every
        # What falls due on a cycle's last step judges the updated policy.
        if session.step < self._cycle_end:
            self.pay()
        self._aim()
        session.ramp()
        self.breathe()
        return True

    def breathe(self) -> None:
        """Give a sign of life now and then, and raise StopAsked when somebody asked."""
        self._breaths += 1
        if self._breaths % _SIGN_OF_LIFE == 0:
            self._observer.stepped(self._session.step, {})
        if self._observer.should_stop():
            raise StopAsked

    def pay(self) -> bool:
        """Judge the policy if an evaluation is owed; the one at the last step waits for the end."""
        if not self._session.owes or self._session.step >= self._session.lesson.timesteps:
            return False
        self.judge()
        return True

    def judge(self) -> None:
        """Have the policy evaluated, and offer it: the best so far is published."""
        session = self._session
        session.check_weights()
        try:
            self._observer.evaluate(session.policy, step=session.step)
        except Interrupted:
            raise StopAsked from None  # the evaluation is still owed
        session.owes = False
        self._observer.offer(session.save, step=session.step)

    def _aim(self) -> None:
        left = self._session.lesson.timesteps - self._session.step
        self._session.env.counted = min(self._session.env.num_envs, max(left, 1))


def frozen(network: BasePolicy, lens: Lens) -> Policy:
    """Return the deterministic policy over raw observations that this network is now."""
    if (actor := actor_of(network)) is not None:
        return lambda observations: actor(lens(observations))

    def act(observations: Array) -> Array:
        actions, _ = network.predict(lens(observations), deterministic=True)
        return actions

    return act
