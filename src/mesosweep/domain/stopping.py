"""Which running trials have no chance to win: a function of what trials reported, and of nothing else."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mesosweep.domain.trial import LOST, Evaluation, Trial

Rule: TypeAlias = Literal["median", "halving"]
EarlyStopping: TypeAlias = Literal["none", "median", "halving"]
"""What `--early-stopping` takes; the first is the default."""
Curve: TypeAlias = Sequence[Evaluation]
"""Every evaluation of a trial so far, by step."""

LEAST_OTHERS = 5
"""Fewer trials to compare with say nothing: the first ones of a study are never stopped."""
ETA = 3
"""One in so many trials goes on past a rung, and each rung is so much further than the last."""
_FIRST_RUNG = ETA * ETA
_FIRST_MEDIAN = 4
"""The median is not looked at in the first quarter: learning curves cross early."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """How hopeless trials of a study are told from the others."""

    rule: Rule
    timesteps: int
    """The budget of one trial."""
    grace_steps: int = 0
    """No trial is judged before it: the longest warm-up and ramp that any trial may have."""

    @property
    def rungs(self) -> tuple[int, ...]:
        """Return the steps at which trials are compared, or from which on; empty when too late.

        Successive halving: a ninth and a third of the budget, those within the grace left out
        and its end put in their place (Li et al., "A System for Massively Parallel
        Hyperparameter Tuning", 2020, algorithm 2, in the form that stops instead of pausing).
        """
        if self.rule == "median":
            steps = [max(self.grace_steps, math.ceil(self.timesteps / _FIRST_MEDIAN))]
        else:
            thirds = [math.ceil(self.timesteps / _FIRST_RUNG), math.ceil(self.timesteps / ETA)]
            steps = [step for step in thirds if step > self.grace_steps]
            if len(steps) < len(thirds):
                steps.insert(0, self.grace_steps)
        return tuple(step for step in steps if step < self.timesteps)

    def verdict(self, mine: Curve, others: Sequence[OtherCurve]) -> str | None:
        """Return why a trial should end now; None while it may go on.

        What counts is the best mean up to a step, which never falls: a trial above the
        median of the others, or among the best third of them, always goes on.
        """
        now = mine[-1].step if mine else 0
        reached = [rung for rung in self.rungs if rung <= now]
        if not reached or now >= self.timesteps:
            return None
        step = now if self.rule == "median" else reached[-1]
        known = [value for other in others if (value := other.best(step)) is not None]
        if len(known) < LEAST_OTHERS:
            return None
        # Up to now: where the answer comes late, what was learned meanwhile counts for the trial.
        own = best_until(mine, now)
        return (_below_median if self.rule == "median" else _not_among_best)(own, known, step)


@dataclass(frozen=True, slots=True)
class OtherCurve:
    """What is known of a trial that another is compared with."""

    curve: Curve
    has_ended: bool

    def best(self, step: int) -> float | None:
        """Return its best mean up to a step; None while it is not there yet.

        One that was stopped before counts with what it had: without it the rest would be
        compared with survivors alone, and ever more of them be stopped.
        """
        if not self.curve or not (self.has_ended or self.curve[-1].step >= step):
            return None
        return best_until(self.curve, step)


def hopeless(
    stopping: Stopping, trials: Sequence[Trial], curves: Mapping[tuple[int, str], Curve]
) -> Iterator[tuple[Trial, str]]:
    """Yield each running trial that should end now, and why.

    A trial is compared with those begun before it, ended or not: what is on record is all
    that counts, and a sweep that was killed answers from there as it would have.
    Trials that failed, diverged or ran out of time teach nothing here.
    """
    ordered = sorted(trials, key=lambda trial: trial.place)
    for place, trial in enumerate(ordered):
        if trial.has_ended:
            continue
        before = [t for t in ordered[:place] if t.status not in LOST]
        others = [OtherCurve(curves.get(t.identity, ()), t.has_ended) for t in before]
        reason = stopping.verdict(curves.get(trial.identity, ()), others)
        if reason is not None:
            yield trial, reason


def best_until(curve: Curve, step: int) -> float:
    """Return the highest finite mean up to a step; minus infinity when there is none."""
    scores = (e.score for e in curve if e.step <= step)
    return max((score.mean_reward for score in scores if score.is_finite), default=-math.inf)


def _below_median(own: float, known: Sequence[float], step: int) -> str | None:
    median = statistics.median(known)
    if own >= median:
        return None
    return (
        f"best mean {_told(own)} by step {step:,}, below the median {_told(median)} "
        f"of {len(known)} trials before it"
    )


def _not_among_best(own: float, known: Sequence[float], step: int) -> str | None:
    better = sum(value > own for value in known)
    goes_on = math.ceil((len(known) + 1) / ETA)
    if better < goes_on:
        return None
    return (
        f"best mean {_told(own)}, not among the best {goes_on} of {len(known) + 1} trials "
        f"at step {step:,}"
    )


def _told(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "none"
