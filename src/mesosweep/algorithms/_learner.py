"""What all learners here have in common: build, train to the exact step, stop, go on, save, load."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch as th
import torch._dynamo  # any optimizer imports it when it is made; here, trials share it (0.8 s each)
from stable_baselines3.common.logger import Logger

from mesosweep.algorithms import _normalise, _schedules, _weights
from mesosweep.algorithms._handover import structure_for, warm_start
from mesosweep.algorithms._normalise import Normaliser
from mesosweep.algorithms._reflection import Reflection
from mesosweep.algorithms._resume import Keeper, put_back, structure_in
from mesosweep.algorithms._session import Session, StopAsked, Watch, frozen
from mesosweep.algorithms._settings import resolved
from mesosweep.algorithms._snapshot import Snapshot
from mesosweep.algorithms._weights import AlgorithmName, Structure
from mesosweep.domain.errors import Interrupted, SettingsError
from mesosweep.plugins import Algorithm
from mesosweep.ports import Ground, Lesson, Observer, Policy


class SB3Learner(ABC):
    """A `ports.Learner` over one of SB3's algorithms."""

    algorithm: ClassVar[Algorithm]
    name: ClassVar[AlgorithmName]
    norm_reward: ClassVar[bool]
    default_structure: ClassVar[Structure]
    keeps_boundaries: ClassVar[bool]
    """Whether a cycle cannot be gone on with in its middle: then the state before it is kept in memory."""

    def __init__(self) -> None:
        self._trained: Session | None = None

    # ── the port ─────────────────────────────────────────────────────────────

    def train(self, lesson: Lesson, ground: Ground, observer: Observer) -> int:
        """Train to the last step and return their number; see `ports.Learner`."""
        snapshot = None if lesson.resume is None else Snapshot.read(lesson.resume)
        session = self._open(lesson, ground, snapshot)
        try:
            self._run(session, observer, snapshot)
        finally:
            session.env.close()
        self._trained = session
        return session.step

    def save_final(self, path: Path) -> None:
        """Write the policy that `train` ended with."""
        if self._trained is None:
            raise RuntimeError("save_final comes after train")
        self._trained.save(path)

    def load(self, path: Path, ground: Ground, *, trust: bool = False) -> Policy:
        """Return the policy of a bundle; raises CheckpointDamaged."""
        weights = _weights.read_policy(path, algorithm=self.name, trust=trust)
        space = ground.observation_space()
        lens = _normalise.read_statistics(path, observation_shape=space.shape)
        network = _weights.network(weights.structure, space, ground.action_space())
        _weights.put_policy(weights, network)
        return frozen(network, lens)

    def untrained(self, lesson: Lesson, ground: Ground) -> Policy:
        """Return the policy that `train` would begin with."""
        session = self._open(lesson, ground)
        session.env.close()
        return session.policy

    def check(self, lesson: Lesson, ground: Ground) -> None:
        """Build everything and step nothing; raises SettingsError."""
        self._open(lesson, ground).env.close()

    # ── what the algorithms differ in ────────────────────────────────────────

    @abstractmethod
    def _check(self, hyper: Mapping[str, Any], lesson: Lesson) -> None:
        """Raise SettingsError for what SB3 would not notice or not explain."""

    @abstractmethod
    def _scheduled(self, hyper: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of what may change over the budget."""

    @abstractmethod
    def _construct(
        self, env: Normaliser, hyper: Mapping[str, Any], structure: Structure, lesson: Lesson
    ) -> Any:
        """Build the SB3 model."""

    def _reflection(self, hyper: Mapping[str, Any], ground: Ground) -> Reflection | None:  # noqa: ARG002  # for those who use it
        """Return the symmetry to train with, if the algorithm knows how and was asked to."""
        return None

    def _equip(self, session: Session, hyper: Mapping[str, Any]) -> None:  # noqa: B027  # most have nothing to add
        """Give a session what this algorithm alone has; weights are the parent's by now."""

    @abstractmethod
    def _turn_knobs(self, session: Session, began: int) -> dict[str, float]:
        """Set what is scheduled, for an update on data collected since `began`; return it."""

    @abstractmethod
    def _cycle(self, session: Session, watch: Watch) -> dict[str, float]:
        """Collect, update, and return what can be told of the update."""

    # ── training ─────────────────────────────────────────────────────────────

    def _run(self, session: Session, observer: Observer, snapshot: Snapshot | None) -> None:
        lesson, watch = session.lesson, Watch(session, observer)
        session.model._setup_learn(lesson.timesteps, watch)
        if snapshot is not None:
            put_back(session, snapshot)
        keeper = Keeper(session, remembers=self.keeps_boundaries, published=snapshot)
        try:
            self._to_the_end(session, observer, watch, keeper)
        except StopAsked:
            step = keeper.publish(observer)
            told = f"Stopped after {step} of {lesson.timesteps} steps."
            raise Interrupted(told) from None

    def _to_the_end(
        self, session: Session, observer: Observer, watch: Watch, keeper: Keeper
    ) -> None:
        """Cycle until the budget is used up, then judge; raises StopAsked wherever that is possible."""
        lesson = session.lesson
        if session.halfway is None:
            watch.pay()
        while session.step < lesson.timesteps or session.halfway is not None:
            began = session.step if session.halfway is None else session.halfway.began
            told = self._cycle(session, watch)
            observer.stepped(session.step, told)
            keeper.remember()
            if watch.pay():
                keeper.remember()
            if session.step // lesson.save_freq > began // lesson.save_freq:
                keeper.publish(observer)
            watch.breathe()
        watch.judge()

    def _checked_update(self, session: Session, update: Any, losses: tuple[str, ...]) -> None:
        """Run an update of the policy; FloatingPointError when numbers stop being numbers."""
        try:
            update()
        except ValueError:
            # torch refuses a distribution with NaN in it before the loss is computed.
            session.check_weights()
            raise
        record = session.model.logger.name_to_value
        for name in losses:
            if name in record and not math.isfinite(told := float(record[name])):
                what = name.removeprefix("train/").replace("_", " ")
                raise FloatingPointError(f"The {what} became {told} at step {session.step}.")

    # ── building ─────────────────────────────────────────────────────────────

    def _open(self, lesson: Lesson, ground: Ground, snapshot: Snapshot | None = None) -> Session:
        for name in ("timesteps", "n_envs", "eval_freq", "save_freq"):
            if getattr(lesson, name) < 1:
                raise SettingsError(f"{name}: {getattr(lesson, name)} must be at least 1.")
        # Networks this small are slower on two threads than on one.
        th.set_num_threads(1)
        hyper = resolved(self.algorithm, lesson.hyperparameters)
        self._check(hyper, lesson)
        planned = _schedules.schedules(hyper, self._scheduled(hyper), algorithm=self.name)
        shaped = _schedules.Shaping()
        if lesson.parent is not None:
            shaped = _schedules.shaping(
                lesson.curriculum, timesteps=lesson.timesteps, ramp_end=lesson.ramp_end
            )
        parent = None
        if snapshot is not None:  # it holds all that came from the parent
            structure = structure_in(snapshot, hyper, lesson, algorithm=self.name)
        else:
            if lesson.parent is not None:
                parent = _weights.read_policy(
                    lesson.parent, algorithm=self.name, trust=lesson.trust
                )
            structure = structure_for(hyper, parent, default=self.default_structure)
        reflection = self._reflection(hyper, ground)
        env = Normaliser(
            ground.training_envs(lesson.n_envs, seed=lesson.seed),
            gamma=hyper["gamma"],
            norm_reward=self.norm_reward,
            reflection=reflection,
        )
        try:
            model = self._built(env, hyper, structure, lesson)
            session = Session(lesson, model, env, structure, planned, shaped)
            if parent is not None:
                warm_start(session, parent)
            self._equip(session, hyper)
            self._turn_knobs(session, 0)
            session.ramp()
        except BaseException:
            env.close()
            raise
        return session

    def _built(
        self, env: Normaliser, hyper: Mapping[str, Any], structure: Structure, lesson: Lesson
    ) -> Any:
        try:
            with warnings.catch_warnings():
                # A last minibatch that is smaller than the others is fine.
                warnings.filterwarnings("ignore", "You have specified a mini-batch size")
                model = self._construct(env, hyper, structure, lesson)
        except (AssertionError, TypeError, ValueError) as cause:
            raise SettingsError(f"{self.name}: {cause}") from cause
        model.set_logger(Logger(folder=None, output_formats=[]))
        return model
