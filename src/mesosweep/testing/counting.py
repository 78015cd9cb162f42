"""A species without a body and an algorithm without a network: trials that only count.

Everything about a trial is real but the learning: steps, evaluations, checkpoints,
bundles, faults. It needs no torch, so what runs trials is tested in moments. The
entry points are in `tests/plugins/mesosweep-counting`, to be put on the path.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import CheckpointDamaged, Interrupted, SettingsError
from mesosweep.domain.space import Double, SearchSpace
from mesosweep.plugins import Algorithm, Species
from mesosweep.ports import Array, Ground, Lesson, Observer, Policy

_log = logging.getLogger(__name__)

SPECIES = Species(
    name="counting",
    summary="Nothing that moves; for tests.",
    stages="mesosweep.testing:counting_stages",
    make_env="mesosweep.testing._counting_env:make_env",
    settings={
        "horizon": "Control steps of an episode.",
        "action_weight": "Reward per step and unit of action.",
        "noise": "Standard deviation of an episode's reward.",
    },
)

FAULTS = ("none", "fail", "die", "hang", "nan")
"""What may happen half-way: an exception, a SIGKILL, standing still, a number that is none."""

ALGORITHM = Algorithm(
    name="count",
    summary="Counts its steps and learns as much as `gain` says; for tests.",
    default_space=SearchSpace({"count_gain": Double(0.0, 1.0)}),
    hyperparameters={
        "gain": "float",
        "seconds": "float",
        "stride": "int",
        "fault": "str",
        "net_arch": "net_arch",
    },
    defaults={"gain": 0.5, "seconds": 0.0, "stride": 10, "fault": "none", "net_arch": "small"},
    learner="mesosweep.testing.counting:CountLearner",
)


class CountLearner:
    """Counts to `lesson.timesteps`; the action it "learns" grows with every step."""

    def __init__(self) -> None:
        self._skill = 0.0
        self._last: Callable[[Path], None] = _never_trained

    def check(self, lesson: Lesson, ground: Ground) -> None:  # noqa: ARG002  # nothing to build
        fault = lesson.hyperparameters["fault"]
        if fault not in FAULTS:
            raise SettingsError(f"count.fault: '{fault}' is none of {', '.join(FAULTS)}.")

    def train(self, lesson: Lesson, ground: Ground, observer: Observer) -> int:
        self.check(lesson, ground)
        count = _Count(lesson)
        try:
            while count.step < lesson.timesteps or count.owes:
                if not count.owes:
                    _count_on(count, observer)
                if count.owes:
                    _judge(count, observer)
                if count.step % lesson.save_freq == 0:
                    observer.checkpoint(count.save, step=count.step)
        except Interrupted:
            observer.checkpoint(count.save, step=count.step)
            raise
        self._last = count.save_policy
        return count.step

    def save_final(self, path: Path) -> None:
        self._last(path)

    def load(self, path: Path, ground: Ground, *, trust: bool = False) -> Policy:  # noqa: ARG002  # nothing here needs trust
        return _constant(_skill(path))

    def untrained(self, lesson: Lesson, ground: Ground) -> Policy:  # noqa: ARG002  # nothing here needs the env
        return _constant(_skill(lesson.parent) if lesson.parent else 0.0)


class _Count:
    """All that a counting trial is, and all that its checkpoint holds."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.step = 0
        self.owes = False
        """An evaluation fell due at this step and has not been done."""
        self.draw = 0.0
        self.rng = random.Random(lesson.seed)
        self.start = _skill(lesson.parent) if lesson.parent else 0.0
        if lesson.resume is not None:
            kept = json.loads((lesson.resume / "count.json").read_text())
            self.step, self.draw = kept["step"], kept["draw"]
            self.owes = kept["owes"]
            version, words, gauss = kept["rng"]
            self.rng.setstate((version, tuple(words), gauss))

    @property
    def skill(self) -> float:
        gained = float(self.lesson.hyperparameters["gain"]) * self.step / self.lesson.timesteps
        # A share of what was still missing, so that there is always something left to learn.
        return self.start + (1 - self.start) * gained / 2

    def until_next(self) -> int:
        """Return the steps to the next moment at which something is to be done."""
        lesson = self.lesson
        strides = (int(lesson.hyperparameters["stride"]), lesson.eval_freq, lesson.save_freq)
        nearest = min(_next(self.step, every) for every in strides)
        return min(nearest, lesson.timesteps) - self.step

    def advance(self, steps: int) -> None:
        self.step += steps
        self.owes = self.step % self.lesson.eval_freq == 0 or self.step == self.lesson.timesteps
        self.draw = self.rng.random()

    def trace(self) -> dict[str, float]:
        left = 1 - self.step / self.lesson.timesteps
        return {
            "learning_rate": 1e-3 * left,
            "clip_range": 0.2 * left,
            "ent_coef": 0.01 * left,
            "draw": self.draw,
        }

    def save(self, folder: Path) -> None:
        kept = {
            "step": self.step,
            "owes": self.owes,
            "draw": self.draw,
            "rng": self.rng.getstate(),
        }
        (folder / "count.json").write_text(json.dumps(kept))

    def save_policy(self, path: Path) -> None:
        path.write_text(json.dumps({"skill": self.skill}))


def _count_on(count: _Count, observer: Observer) -> None:
    if observer.should_stop():
        raise Interrupted("Stopped.")
    lesson, steps = count.lesson, count.until_next()
    time.sleep(float(lesson.hyperparameters["seconds"]) / lesson.timesteps * steps)
    if count.step < lesson.timesteps / 2 <= count.step + steps:
        _misbehave(lesson.hyperparameters["fault"])
    count.advance(steps)
    observer.stepped(count.step, count.trace())


def _judge(count: _Count, observer: Observer) -> None:
    observer.evaluate(_constant(count.skill), step=count.step)
    count.owes = False
    observer.offer(count.save_policy, step=count.step)


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every


def _misbehave(fault: str) -> None:
    _log.info("misbehaves: %s", fault)
    match fault:
        case "fail":
            raise RuntimeError("told to fail half-way")
        case "nan":
            raise FloatingPointError("the loss is nan")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            signal.pause()


def _skill(path: Path) -> float:
    try:
        return float(json.loads(path.read_text())["skill"])
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise CheckpointDamaged(f"{path}: is no policy of this algorithm: {cause}.") from cause


def _constant(skill: float) -> Policy:
    def act(observations: Array) -> Any:
        import numpy as np

        return np.full((len(observations), 1), skill, dtype=np.float32)

    return act


def _never_trained(path: Path) -> None:
    raise RuntimeError(f"{path}: there is no policy to save before training")
