"""A watch to train by: how many steps a second, once training is under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Evaluation
from mesosweep.ports import Policy

_PATIENCE = 3
"""A cycle that is not over after so many times the wanted seconds is not waited for."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A look at the clocks."""

    wall_s: float
    computing_s: float
    """Time that this process has computed: stands still while others have the core."""
    step: int = 0


@dataclass(frozen=True, slots=True)
class Speed:
    """Steps per second, and per second of computing: the same where nobody else computes."""

    steps_per_s: float
    steps_per_computing_s: float

    @classmethod
    def between(cls, begin: Moment, end: Moment) -> Speed:
        steps = end.step - begin.step
        return cls(
            steps / max(end.wall_s - begin.wall_s, 1e-9),
            steps / max(end.computing_s - begin.computing_s, 1e-9),
        )

    @property
    def core_share(self) -> float:
        """Seconds of computing in a second."""
        return self.steps_per_s / max(self.steps_per_computing_s, 1e-9)


def now(step: int = 0) -> Moment:
    """Look at the clocks."""
    return Moment(time.perf_counter(), time.process_time(), step)


class Stopwatch:
    """An observer that looks at the clocks, keeps nothing, and ends training after a while.

    Time is taken between the ends of whole cycles of collecting and learning, from the
    first one on: what is built or compiled before belongs to no step.
    """

    def __init__(self, *, seconds: float, look: Callable[[int], Moment] = now) -> None:
        """Stop at the end of the cycle that fills `seconds`."""
        self._seconds = seconds
        self._look = look
        self._begun: Moment | None = None
        self._first: Moment | None = None
        self._last: Moment | None = None
        self._step = 0

    @property
    def speed(self) -> Speed:
        """The speed over whole cycles after the first; over all there was, if there was one only."""
        if self._first is not None and self._last is not None:
            return Speed.between(self._first, self._last)
        if self._begun is None:
            return Speed(0.0, 0.0)
        return Speed.between(self._begun, self._first or self._look(self._step))

    def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
        del policy
        return Evaluation(step, Score(1, 0.0, 0.0, mean_length=0.0, full_length_rate=0.0))

    def offer(self, save: Callable[[Path], None], *, step: int) -> None:
        """Nothing is kept."""

    def checkpoint(self, save: Callable[[Path], None], *, step: int) -> None:
        """Nothing is kept."""

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        self._step = max(step, self._step)
        if not values:  # a sign of life in the middle of a cycle
            return
        if self._first is None:
            self._first = self._look(step)
        else:
            self._last = self._look(step)

    def should_stop(self) -> bool:
        if self._first is not None and self._last is not None:
            return self._last.wall_s - self._first.wall_s >= self._seconds
        here = self._look(0)
        if self._begun is None:
            self._begun = here
        return here.wall_s - self._begun.wall_s > _PATIENCE * self._seconds
