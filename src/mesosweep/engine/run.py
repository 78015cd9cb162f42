"""The whole story of `run-all`: each stage searched from the last winner's checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from mesosweep.domain.errors import GateNotPassed, NoTrialFinished
from mesosweep.domain.events import (
    Event,
    GateForced,
    StageFailed,
    StageSkipped,
    WinnerChosen,
    WinnerVerified,
)
from mesosweep.domain.plan import StagePlan, SweepPlan
from mesosweep.domain.space import Assignment
from mesosweep.domain.state import StageState
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.domain.winner import choose_winner
from mesosweep.engine.follow import follow
from mesosweep.engine.journal import Journal
from mesosweep.engine.retry import Retry, asked, flat
from mesosweep.ports import Backend, Clock, Judge, Store


def run(
    plan: SweepPlan,
    *,
    backend: Backend,
    store: Store,
    judge: Judge,
    clock: Clock,
    retry: Retry | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Walk the curriculum, yielding each fact after it is safe in the store.

    A crash may lose an announcement, never a fact; running the same plan again
    goes on by this same path. `stop` is asked between polls.

    Raises:
        PlanMismatch: the store holds a sweep of another plan.
        NoTrialFinished, GateNotPassed: a stage has no winner; the state says so too.
        BackendError: the backend refused, or did not answer often enough.
        StoreError: the state could not be read or saved.
        Interrupted: `stop` said so; nothing is lost.
    """
    retry = retry or Retry()
    journal = Journal.open(plan, store, clock, retry=retry)
    yield from journal.opening()
    load, fixed = plan.load, _nothing()
    for stage in plan.stages:
        known = journal.state.stage(stage.number)
        if known.winner is not None and _is_done(known, stage, load, plan):
            yield StageSkipped(stage.number, known.winner)
            winner = known.winner
        else:
            study = _study(plan, stage, journal, load=load, fixed=fixed)
            if not _awaits_judge(known, study, plan):
                for facts in follow(
                    study, journal, backend=backend, clock=clock, retry=retry, stop=stop
                ):
                    yield from journal.record(*facts)
                yield from _choose(plan, study, journal, clock)
            winner = journal.winner_of(stage.number)
            default = _default_trial(journal.state.stage(stage.number))
            # What is judged may lie in a bucket, which is waited for as it is everywhere.
            hear = partial(judge, study, winner.trial, default)
            verified = yield from flat(asked(hear, stage=stage.number, retry=retry, clock=clock))
            yield from journal.record(WinnerVerified(clock.now(), stage.number, verified))
        load, fixed = winner.checkpoint, {**fixed, **winner.fixes(plan.carried)}
    yield from journal.finish()


def _nothing() -> Assignment:
    return {}


def _is_done(known: StageState, stage: StagePlan, load: Checkpoint | None, plan: SweepPlan) -> bool:
    return (
        known.status == "finished"
        and known.trials_wanted >= stage.trials
        and _is_parent(known, load, plan)
        and _is_chosen_as_planned(known, plan)
    )


def _is_chosen_as_planned(known: StageState, plan: SweepPlan) -> bool:
    """Whether this plan would choose the same winner: how to choose is no part of the fingerprint."""
    if known.promoted:  # by a person, who knew of its gate
        return True
    if known.gate_forced and plan.on_gate_fail == "stop":
        return False
    now = choose_winner(known.trials, select_by=plan.select_by, handoff=plan.handoff)
    return known.winner is not None and now.trial.identity == known.winner.trial.identity


def _is_parent(known: StageState, load: Checkpoint | None, plan: SweepPlan) -> bool:
    """Whether the stage started from this checkpoint.

    What the plan itself starts from is in its fingerprint, by content: the file may have moved.
    """
    return load == plan.load or known.parent == (load.uri if load else None)


def _study(
    plan: SweepPlan,
    stage: StagePlan,
    journal: Journal,
    *,
    load: Checkpoint | None,
    fixed: Assignment,
) -> Study:
    known = journal.state.stage(stage.number)
    attempt = journal.state.attempt
    if known.study_key is not None:
        attempt = known.attempt
        if not _is_parent(known, load, plan):
            # An earlier stage has another winner by now. What was trained from the old
            # one stays where it is; a fresh attempt starts from the new one.
            used = (known.attempt, *(trial.attempt for trial in known.trials))
            attempt = max(max(used) + 1, plan.first_attempt)
    return plan.study(stage, attempt=attempt, load=load, fixed=fixed)


def _awaits_judge(known: StageState, study: Study, plan: SweepPlan) -> bool:
    return (
        known.status == "verifying"
        and known.study_key == study.key
        and known.trials_wanted >= study.trials
        and _is_chosen_as_planned(known, plan)
    )


def _choose(plan: SweepPlan, study: Study, journal: Journal, clock: Clock) -> Iterator[Event]:
    known = journal.state.stage(study.stage)
    try:
        winner = choose_winner(known.trials, select_by=plan.select_by, handoff=plan.handoff)
    except NoTrialFinished as error:
        reason = f"Stage {study.stage} ({study.stage_name}): {error}"
        yield from journal.record(StageFailed(clock.now(), study.stage, reason))
        raise NoTrialFinished(reason, hint=_first_cause(study, journal)) from None
    if winner.gate_passed:
        yield from journal.record(WinnerChosen(study.stage, winner))
        return
    reasons = winner.trial.verdict.reasons if winner.trial.verdict else ()
    if plan.on_gate_fail == "stop":
        reason = (
            f"Stage {study.stage} ({study.stage_name}): no trial passed the gate; "
            f"the best, trial {known.called(winner.trial)}: {'; '.join(reasons)}."
        )
        yield from journal.record(StageFailed(clock.now(), study.stage, reason))
        raise GateNotPassed(
            reason,
            hint="More --trials or timesteps may pass it; --on-gate-fail best goes on without.",
        )
    yield from journal.record(WinnerChosen(study.stage, winner), GateForced(study.stage, reasons))


def _first_cause(study: Study, journal: Journal) -> str:
    known = journal.state.stage(study.stage)
    for trial in known.trials:
        if trial.reason:
            folder = study.folder_of(trial.attempt).rpartition("/")[2]
            return (
                f"Trial {known.called(trial)} {trial.status}: {trial.reason}\n"
                f"Its log: mesosweep logs {folder}/{trial.trial_id}"
            )
    return "No trial says why."


def _default_trial(stage: StageState) -> Trial | None:
    tried = (t for t in stage.trials if t.origin == "default" and t.status == "finished")
    return next((trial for trial in tried if trial.checkpoint), None)
