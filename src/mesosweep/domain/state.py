"""What is known of a sweep: the fold of its events, and all that resuming reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from mesosweep.domain import events as e
from mesosweep.domain.study import JobRef
from mesosweep.domain.trial import Trial
from mesosweep.domain.winner import Winner

StageStatus: TypeAlias = Literal[
    "pending", "submitting", "running", "verifying", "finished", "failed"
]


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage so far."""

    stage: int
    name: str
    status: StageStatus = "pending"
    attempt: int = 0
    """Which try at this stage: the k of `stage<N>_a<k>`."""
    parent: str | None = None
    """URI of the checkpoint that its trials start from."""
    study_key: str | None = None
    job: JobRef | None = None
    trials_wanted: int = 0
    trials: tuple[Trial, ...] = ()
    """By attempt, then by id: a study that took two jobs has trials of two attempts."""
    winner: Winner | None = None
    verified: e.Verified | None = None
    gate_forced: bool = False
    promoted: bool = False
    """Whether the winner was named by somebody, which stands until more trials are asked for."""
    reason: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> tuple[Trial, ...]:
        """Those trials that count towards the ones wanted.

        What failed in a job that was followed by another is left out: it was asked for again.
        """
        latest = max((trial.attempt for trial in self.trials), default=self.attempt)
        return tuple(
            trial
            for trial in self.trials
            if trial.has_ended and (trial.attempt == latest or trial.status != "failed")
        )

    def with_trial(self, trial: Trial) -> StageState:
        """Return the stage with one trial added or replaced."""
        others = [t for t in self.trials if t.identity != trial.identity]
        ordered = sorted([*others, trial], key=lambda t: t.place)
        return replace(self, trials=tuple(ordered))

    def called(self, trial: Trial) -> str:
        """Return what people call a trial: its id, or `a<attempt>/<id>` where ids say too little."""
        attempts = {trial.attempt, *(t.attempt for t in self.trials)}
        return trial.trial_id if len(attempts) == 1 else f"a{trial.attempt}/{trial.trial_id}"


@dataclass(frozen=True, slots=True)
class SweepState:
    """All stages so far, and the plan that they belong to."""

    species: str
    algorithm: str
    fingerprint: str
    comparables: Mapping[str, Any]
    attempt: int
    stages: tuple[StageState, ...]
    started_at: datetime | None = None
    finished_at: datetime | None = None
    writer: Mapping[str, str] = field(default_factory=dict)
    """Versions of what wrote it; for people, never for decisions."""

    def stage(self, number: int) -> StageState:
        return next(stage for stage in self.stages if stage.stage == number)

    @property
    def stale(self) -> tuple[int, ...]:
        """Stages whose trials started from what is no longer the winner before them.

        `run-all` searches them again, as a new attempt.
        """
        found: list[int] = []
        for before, stage in pairwise(self.stages):
            handed = before.winner.checkpoint.uri if before.winner else None
            # A stage that began has a parent, unless it is the first of its sweep.
            replaced = handed is not None and stage.parent not in (None, handed)
            if replaced or (before.stage in found and stage.study_key is not None):
                found.append(stage.stage)
        return tuple(found)

    def after(self, event: e.Event) -> SweepState:
        """Return the state once `event` is true; the same object when nothing changes."""
        match event:
            case e.SweepStarted(at=at, attempt=attempt):
                return replace(self, attempt=attempt, started_at=at)
            case e.StudySubmitting(at=at, study=study):
                old = self.stage(study.stage)
                return replace(self, finished_at=None)._with(
                    replace(
                        old,
                        status="submitting",
                        attempt=study.attempt,
                        parent=study.load.uri if study.load else None,
                        # Another attempt shares nothing with the trials of the last one.
                        trials=old.trials if old.study_key == study.key else (),
                        study_key=study.key,
                        trials_wanted=study.trials,
                        started_at=old.started_at or at,
                        ended_at=None,
                        reason=None,
                        winner=None,
                        verified=None,
                        gate_forced=False,
                        promoted=False,
                    )
                )
            case e.StudySubmitted(stage=number, job=job) | e.StudyReattached(stage=number, job=job):
                return self._with(replace(self.stage(number), status="running", job=job))
            case (
                e.TrialStarted(stage=number, trial=trial)
                | e.TrialFinished(stage=number, trial=trial)
                | e.TrialFailed(stage=number, trial=trial)
            ):
                return self._with(self.stage(number).with_trial(trial))
            case e.WinnerChosen(stage=number, winner=winner):
                return self._with(replace(self.stage(number), status="verifying", winner=winner))
            case e.GateForced(stage=number):
                return self._with(replace(self.stage(number), gate_forced=True))
            case e.WinnerVerified(at=at, stage=number, verified=verified):
                return self._with(
                    replace(self.stage(number), status="finished", verified=verified, ended_at=at)
                )
            case e.WinnerPromoted(stage=number, winner=winner):
                promoted = replace(
                    self.stage(number),
                    status="verifying",
                    winner=winner,
                    verified=None,
                    gate_forced=not winner.gate_passed,
                    promoted=True,
                    ended_at=None,
                )
                return replace(self, finished_at=None)._with(promoted)
            case e.StageFailed(at=at, stage=number, reason=reason):
                return self._with(
                    replace(self.stage(number), status="failed", reason=reason, ended_at=at)
                )
            case e.SweepFinished(at=at):
                return replace(self, finished_at=at)
            case e.SweepResumed() | e.StageSkipped() | e.StudyProgressed() | e.RetryScheduled():
                return self

    def _with(self, stage: StageState) -> SweepState:
        stages = tuple(stage if s.stage == stage.stage else s for s in self.stages)
        return replace(self, stages=stages)
