"""One plain line per change of state: for logs, for CI, for terminals that cannot repaint."""

from __future__ import annotations

import os
from collections.abc import Callable

from mesosweep.domain import events as e
from mesosweep.domain.state import SweepState
from mesosweep.domain.trial import Trial
from mesosweep.report.picture import Picture
from mesosweep.report.words import gain, many, number, parameters, scored, span


class Lines:
    """Follows a sweep and says each change once."""

    def __init__(self, picture: Picture, *, write: Callable[[str], None]) -> None:
        self.picture = picture
        self._write = write

    def __call__(self, event: e.Event) -> None:
        before, self.picture = self.picture, self.picture.after(event)
        line = line_of(event, before)
        if line is not None:
            self._write(line)

    def say(self, text: str) -> None:
        """Write a sentence. Safe within a signal handler."""
        os.write(2, f"{text}\n".encode())

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put away: every line is already out."""


def line_of(event: e.Event, before: Picture) -> str | None:
    """Return what there is to say of an event, given what was known before it; None for nothing."""
    state = before.state
    match event:
        case e.SweepStarted(attempt=attempt):
            return f"{_sweep(state)} starts ({_ordinal(attempt)}plan {state.fingerprint})"
        case e.SweepResumed(state=known):
            ended = sum(len(stage.ended) for stage in known.stages)
            have = "has" if ended == 1 else "have"
            return f"{_sweep(known)} goes on: {many(ended, 'trial')} {have} ended already"
        case e.StageSkipped(stage=stage, winner=winner):
            return f"stage {stage}: finished in an earlier run, winner is {_named(stage, winner.trial, state)}"
        case e.StudySubmitting(study=study):
            start = "from scratch" if study.load is None else f"from {study.load.uri}"
            return (
                f"stage {study.stage} {study.stage_name}: {many(study.trials, 'trial')}, "
                f"{study.parallel} at a time, {many(study.settings.timesteps, 'step')} each, {start}"
            )
        case e.StudySubmitted(stage=stage, job=job):
            running = f"running {job.url}" if job.url else None
            told = "; ".join(filter(None, (running, job.note)))
            return f"stage {stage}: {told}" if told else None
        case e.StudyReattached(stage=stage, job=job):
            found = f"found again as {job.url or job.name}"
            return f"stage {stage}: {'; '.join(filter(None, (found, job.note)))}"
        case e.TrialStarted(stage=stage, trial=trial):
            words = parameters(trial.assignment, algorithm=state.algorithm)
            return (
                f"{_trial(stage, trial, state)} runs ({trial.origin}): "
                f"{words or 'nothing is searched'}"
            )
        case e.TrialFinished(stage=stage, trial=trial):
            return f"{_trial(stage, trial, state)} {_ended_well(trial, stage, before)}"
        case e.TrialFailed(stage=stage, trial=trial):
            return (
                f"{_trial(stage, trial, state)} {_word(trial)}: "
                f"{one_line(trial.reason) or 'no reason known'}"
            )
        case e.StudyProgressed():
            return None
        case e.RetryScheduled(stage=stage, reason=reason, wait_s=wait_s):
            return f"stage {stage}: {one_line(reason)}; trying again in {span(wait_s)}"
        case e.WinnerChosen(stage=stage, winner=winner):
            verdict = "gate passed" if winner.gate_passed else "gate not passed"
            named = _named(stage, winner.trial, state)
            return (
                f"stage {stage}: winner is {named}, panel {scored(winner.trial.panel)}, {verdict}"
            )
        case e.GateForced(stage=stage, reasons=reasons):
            return f"stage {stage}: goes on although the gate was not passed: {'; '.join(reasons)}"
        case e.WinnerVerified(stage=stage, verified=verified):
            return (
                f"stage {stage}: verified {scored(verified.winner)} on unseen episodes, "
                f"{gain(verified.winner, verified.random)} over random action"
            )
        case e.WinnerPromoted(stage=stage, winner=winner):
            return f"stage {stage}: {_named(stage, winner.trial, state)} was made the winner"
        case e.StageFailed(stage=stage, reason=reason):
            return f"stage {stage}: ended without a winner: {one_line(reason)}"
        case e.SweepFinished(state=done):
            return f"{_sweep(done)} is finished"


def one_line(text: str | None) -> str:
    """Return the last line that says something: of a traceback, that is the error itself."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _ended_well(trial: Trial, stage: int, before: Picture) -> str:
    if trial.status == "stopped":
        return f"stopped early: {one_line(trial.reason) or 'it had no chance to win'}"
    known = before.best(before.state.stage(stage))
    ours, theirs = (t.objective(before.select_by) if t else None for t in (trial, known))
    is_best = ours is not None and (
        known is None or (trial.passed, ours) > (known.passed, theirs or 0.0)
    )
    best = ", best so far" if is_best else ""
    gate = ""
    if trial.verdict is not None:
        gate = ", gate passed" if trial.passed else f", gate: {'; '.join(trial.verdict.reasons)}"
    return f"finished: panel {scored(trial.panel)}, best in training {number(trial.best_mean_reward)}{best}{gate}"


def _word(trial: Trial) -> str:
    return {"diverged": "diverged", "timed_out": "ran out of time"}.get(trial.status, "failed")


def _trial(stage: int, trial: Trial, state: SweepState) -> str:
    return f"stage {stage}: {_named(stage, trial, state)}"


def _named(stage: int, trial: Trial, state: SweepState) -> str:
    return f"trial {state.stage(stage).called(trial)}"


def _sweep(state: SweepState) -> str:
    return f"sweep of {state.species} with {state.algorithm}"


def _ordinal(attempt: int) -> str:
    return f"attempt {attempt}, " if attempt else ""
