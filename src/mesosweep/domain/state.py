"""What is known of a sweep: the fold of its events, and all that resuming reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
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
    """In the order of their ids."""
    winner: Winner | None = None
    verified: e.Verified | None = None
    gate_forced: bool = False
    reason: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def with_trial(self, trial: Trial) -> StageState:
        """Return the stage with one trial added or replaced."""
        others = [t for t in self.trials if t.trial_id != trial.trial_id]
        ordered = sorted([*others, trial], key=lambda t: _order(t.trial_id))
        return replace(self, trials=tuple(ordered))


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


def _order(trial_id: str) -> tuple[int, str]:
    return (int(trial_id), "") if trial_id.isdigit() else (1 << 62, trial_id)
