"""What a reader of the events sees: the folded state, plus what is told and never saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from mesosweep.domain import events as e
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.score import Gate
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.study import SelectBy
from mesosweep.domain.trial import LOST, Trial


@dataclass(frozen=True, slots=True)
class StageFacts:
    """What the plan says of a stage and its state does not."""

    timesteps: int
    parallel: int
    trials: int
    gate: Gate
    warm_starts: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A sweep at one moment. Everything that is drawn is a pure function of it."""

    state: SweepState
    facts: Mapping[int, StageFacts] = field(default_factory=dict)
    """By stage number; empty where only a saved state is at hand."""
    select_by: SelectBy = "panel_mean_reward"
    live: Mapping[int, tuple[Trial, ...]] = field(default_factory=dict)
    """Stage number → running trials as last told, with their progress."""
    latest: tuple[int, Trial] | None = None
    """Stage and trial that ended last."""
    note: str | None = None
    """Something that passes, e.g. that the backend or a bucket does not answer."""
    seen_at: datetime | None = None
    """When this process began to look; the sweep itself may be older."""

    def after(self, event: e.Event) -> Picture:
        """Return the picture once `event` is true."""
        seen = replace(self, state=self.state.after(event), note=None)
        match event:
            case e.SweepResumed(state=state):
                return replace(seen, state=state)
            case e.SweepFinished(state=state):
                return replace(seen, state=state, live={})
            case e.StudyProgressed(stage=number, running=running):
                return replace(seen, live={**self.live, number: running})
            case (
                e.TrialFinished(stage=number, trial=trial)
                | e.TrialFailed(stage=number, trial=trial)
            ):
                rest = tuple(t for t in self.live.get(number, ()) if t.identity != trial.identity)
                return replace(seen, live={**self.live, number: rest}, latest=(number, trial))
            case e.RetryScheduled(reason=reason, wait_s=wait_s):
                told = f"{reason.rstrip('.')}; trying again in {wait_s:.0f} s."
                return replace(seen, note=told)
            case e.WinnerChosen(stage=number):
                return replace(seen, live={**self.live, number: ()})
            case _:
                return seen

    def running(self, stage: StageState) -> tuple[Trial, ...]:
        """Return the stage's running trials, with progress where it was told."""
        told = {trial.identity: trial for trial in self.live.get(stage.stage, ())}
        return tuple(told.get(t.identity, t) for t in stage.trials if t.status == "running")

    def wanted(self, stage: StageState) -> int:
        """Return how many trials the stage will have in all; 0 when nobody said."""
        facts = self.facts.get(stage.stage)
        return max(stage.trials_wanted, facts.trials if facts else 0)

    def best(self, stage: StageState) -> Trial | None:
        """Return the trial that would win now: passing ones first, then the best score."""
        if stage.winner is not None:
            return stage.winner.trial
        scored = [
            (trial.passed, value, trial)
            for trial in stage.trials
            if trial.status == "finished" and (value := trial.objective(self.select_by)) is not None
        ]
        return max(scored, key=lambda row: row[:2])[2] if scored else None


def picture_of(plan: SweepPlan, *, seen_at: datetime | None = None) -> Picture:
    """Return the picture of a sweep before its first event."""
    stages = tuple(
        StageState(stage=stage.number, name=stage.name, trials_wanted=stage.trials)
        for stage in plan.stages
    )
    return Picture(
        state=SweepState(
            species=plan.species,
            algorithm=plan.algorithm,
            fingerprint=plan.fingerprint,
            comparables=plan.comparables,
            attempt=plan.first_attempt,
            stages=stages,
        ),
        facts={
            stage.number: StageFacts(
                timesteps=stage.settings.timesteps,
                parallel=stage.parallel,
                trials=stage.trials,
                gate=stage.gate,
                warm_starts=stage.warm_starts,
            )
            for stage in plan.stages
        },
        select_by=plan.select_by,
        seen_at=seen_at,
    )


def seconds_left(picture: Picture, stage: StageState) -> float | None:
    """Estimate how long a running stage still takes; None while nothing was measured.

    Ended trials tell the time of a whole trial, its panel included; before the first
    one, the steps per second of the running trials have to do.
    """
    facts = picture.facts.get(stage.stage)
    if facts is None or stage.status not in ("running", "submitting"):
        return None
    running = picture.running(stage)
    ended = stage.ended
    left = picture.wanted(stage) - len(ended)
    if left <= 0:
        return 0.0
    done = sum(min(t.progress.step / facts.timesteps, 1.0) for t in running if t.progress)
    durations = [t.duration_s for t in ended if t.duration_s is not None and t.status not in LOST]
    rates = [t.progress.steps_per_s for t in running if t.progress and t.progress.steps_per_s]
    if durations:
        whole = sum(durations) / len(durations)
    elif rates:
        whole = facts.timesteps * len(rates) / sum(rates)
    else:
        return None
    return whole * max(left - done, 0.0) / min(facts.parallel, left)
