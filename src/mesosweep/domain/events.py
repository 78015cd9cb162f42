"""The facts of a sweep, in the order in which they become true.

A closed union: every reader and the fold match all of it, which mypy proves.
A fact that changes the state is saved before it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from mesosweep.domain.score import Score
from mesosweep.domain.study import JobRef, Study
from mesosweep.domain.trial import Trial
from mesosweep.domain.winner import Winner

if TYPE_CHECKING:
    from mesosweep.domain.state import SweepState


@dataclass(frozen=True, slots=True)
class Verified:
    """The winner's one score on the test block, and what it is measured against there."""

    winner: Score
    zero: Score
    random: Score
    untrained: Score
    default: Score | None = None


@dataclass(frozen=True, slots=True)
class SweepStarted:
    """A fresh sweep begins."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class SweepResumed:
    """A sweep goes on; `state` is all that is known, so no reader needs the past."""

    at: datetime
    state: SweepState


@dataclass(frozen=True, slots=True)
class StageSkipped:
    """The stage was finished in an earlier run."""

    stage: int
    winner: Winner


@dataclass(frozen=True, slots=True)
class StudySubmitting:
    """The study is about to be sent. Saved first, so that a lost answer leaves a trace."""

    at: datetime
    study: Study


@dataclass(frozen=True, slots=True)
class StudySubmitted:
    """The backend took the study."""

    stage: int
    job: JobRef


@dataclass(frozen=True, slots=True)
class StudyReattached:
    """The study was already running or finished there; nothing was sent."""

    stage: int
    job: JobRef


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial began, or went on after its worker was lost."""

    stage: int
    trial: Trial


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial ended with a panel score, or was stopped early with a bundle."""

    stage: int
    trial: Trial


@dataclass(frozen=True, slots=True)
class TrialFailed:
    """A trial ended without a result: failed, diverged or timed out."""

    stage: int
    trial: Trial


@dataclass(frozen=True, slots=True)
class StudyProgressed:
    """How the running trials stand. Told, never saved."""

    stage: int
    running: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """The backend or a bucket did not answer; the engine tries again after `wait_s`."""

    stage: int
    reason: str
    wait_s: float
    nothing_begun: bool = False
    """Whether the answer was that what was asked for was not begun. Else it may have been."""


@dataclass(frozen=True, slots=True)
class WinnerChosen:
    """The stage's search is over and this trial goes on."""

    stage: int
    winner: Winner


@dataclass(frozen=True, slots=True)
class GateForced:
    """No trial passed the gate; the best one goes on all the same, as the plan says."""

    stage: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WinnerVerified:
    """The winner was scored once on the test block; the stage is finished."""

    at: datetime
    stage: int
    verified: Verified


@dataclass(frozen=True, slots=True)
class WinnerPromoted:
    """Somebody had another trial of a finished stage win; it is yet to be verified."""

    stage: int
    winner: Winner


@dataclass(frozen=True, slots=True)
class StageFailed:
    """The stage ended without a winner that may go on."""

    at: datetime
    stage: int
    reason: str


@dataclass(frozen=True, slots=True)
class SweepFinished:
    """Every stage has its winner."""

    at: datetime
    state: SweepState


Event: TypeAlias = (
    SweepStarted
    | SweepResumed
    | StageSkipped
    | StudySubmitting
    | StudySubmitted
    | StudyReattached
    | TrialStarted
    | TrialFinished
    | TrialFailed
    | StudyProgressed
    | RetryScheduled
    | WinnerChosen
    | GateForced
    | WinnerVerified
    | WinnerPromoted
    | StageFailed
    | SweepFinished
)
