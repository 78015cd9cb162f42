"""Configurations trained anew from fresh seeds: which is best, and whether anybody can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Trial
from mesosweep.report.statistics import Comparison, Interval, compare, iqm_interval


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a configuration from a seed of its own."""

    trial: Trial
    held_out: Score | None
    """On episodes that nothing was chosen by; None where training gave nothing to play."""

    @property
    def score(self) -> float | None:
        """Its mean reward. One that diverged scores below all others; one that broke is none."""
        if self.trial.status == "diverged":
            return -math.inf
        if self.held_out is None:
            return None
        return self.held_out.mean_reward if self.held_out.is_finite else -math.inf


@dataclass(frozen=True)
class Configuration:
    """A trial of the search, and what its parameters come to when they are trained again."""

    trial: Trial
    called: str
    """What people call the trial."""
    is_winner: bool
    """Whether it is its stage's winner now."""
    runs: tuple[Run, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(score for run in self.runs if (score := run.score) is not None)

    @cached_property
    def iqm(self) -> Interval | None:
        """The interquartile mean of its runs with its 95 % interval; None without a score."""
        return iqm_interval([self.scores]) if self.scores else None


class Verification:
    """What was found, best configuration first; those without a score come last."""

    def __init__(
        self,
        configurations: Sequence[Configuration],
        *,
        species: str,
        algorithm: str,
        stage: int,
        stage_name: str,
        steps: int,
        episodes: int,
    ) -> None:
        self.species, self.algorithm = species, algorithm
        self.stage, self.stage_name = stage, stage_name
        self.steps, self.episodes = steps, episodes
        self.configurations = tuple(sorted(configurations, key=_place))
        self.comparisons: tuple[Comparison | None, ...] = tuple(
            compare([one.scores], [other.scores]) if one.scores and other.scores else None
            for one, other in pairwise(self.configurations)
        )
        """Of each configuration with the next."""

    @property
    def choice(self) -> Configuration | None:
        """The best configuration; None where none has a score."""
        best = self.configurations[0]
        return best if best.scores else None

    @property
    def winner(self) -> Configuration | None:
        """The stage's winner; None where it was not trained anew."""
        return next((one for one in self.configurations if one.is_winner), None)

    @cached_property
    def against_winner(self) -> Comparison | None:
        """Of the choice with the stage's winner; None where they are one, or one has no score."""
        choice, winner = self.choice, self.winner
        if choice is None or winner is None or choice.is_winner or not winner.scores:
            return None
        return compare([choice.scores], [winner.scores])

    @property
    def beats_winner(self) -> bool:
        """Whether the choice can be told from the stage's winner, and lies above it."""
        told = self.against_winner
        return told is not None and told.is_clear and told.probability.value > 0.5

    @property
    def is_clear(self) -> bool:
        """Whether the best can be told from the second."""
        return bool(self.comparisons and self.comparisons[0] and self.comparisons[0].is_clear)


def _place(one: Configuration) -> tuple[bool, float, tuple[int, int, str]]:
    return one.iqm is None, -one.iqm.value if one.iqm else 0.0, one.trial.place
