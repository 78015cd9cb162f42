"""State in hand and store behind it: fold, save, then hand the facts back to be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mesosweep.domain.errors import PlanMismatch
from mesosweep.domain.events import (
    Event,
    StudySubmitting,
    SweepFinished,
    SweepResumed,
    SweepStarted,
)
from mesosweep.domain.plan import SweepPlan, differences
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.winner import Winner
from mesosweep.engine.retry import Retry, asked, flat
from mesosweep.ports import Clock, Store

_SHOWN = 12
"""So many differences of two plans are printed; more would bury the first."""


class Journal:
    """The state of one sweep while it runs."""

    def __init__(
        self,
        plan: SweepPlan,
        store: Store,
        clock: Clock,
        loaded: tuple[SweepState, str] | None,
        *,
        retry: Retry,
    ) -> None:
        self._key = plan.sweep_key
        self._first = plan.stages[0].number
        self._store = store
        self._clock = clock
        self._retry = retry
        self._is_new = loaded is None
        self._version = loaded[1] if loaded else None
        self._saved = loaded[0] if loaded else None
        self.state = _with_stages(loaded[0] if loaded else _empty(plan), plan)

    @classmethod
    def open(
        cls, plan: SweepPlan, store: Store, clock: Clock, *, retry: Retry | None = None
    ) -> Journal:
        """Load what is known of the sweep.

        Raises:
            PlanMismatch: it is another plan's; the message prints the difference.
            StoreUnreachable: whether there is anything is not known, so nothing is begun.
        """
        if not plan.resume:
            store.set_aside(plan.sweep_key)
        loaded = store.load(plan.sweep_key)
        if loaded is not None:
            check_same_plan(plan, loaded[0])
        return cls(plan, store, clock, loaded, retry=retry or Retry())

    def opening(self) -> Iterator[Event]:
        """Begin with `SweepStarted`, or with `SweepResumed` and all that is known."""
        if self._is_new:
            yield from self.record(SweepStarted(self._clock.now(), self.state.attempt))
        else:
            yield SweepResumed(self._clock.now(), self.state)

    def record(self, *events: Event) -> Iterator[Event]:
        """Fold all events, save once if that changed anything, and yield them to be told.

        One save for all of them: a bucket takes one write a second per object. A store that
        does not answer is waited for, and that is told first.

        Raises:
            StoreUnreachable: it did not answer often enough; what was saved last stands.
        """
        for event in events:
            self.state = self.state.after(event)
        if self.state is not self._saved and self.state != self._saved:
            stage = _stage_of(events, default=self._first)
            yield from flat(asked(self._save, stage=stage, retry=self._retry, clock=self._clock))
        yield from events

    def _save(self) -> None:
        self._version = self._store.save(self._key, self.state, replacing=self._version)
        self._saved = self.state

    def finish(self) -> Iterator[Event]:
        """Record that every stage has its winner."""
        # Told again, a finished sweep did not finish later.
        at = self.state.finished_at or self._clock.now()
        return self.record(SweepFinished(at, replace(self.state, finished_at=at)))

    def winner_of(self, stage: int) -> Winner:
        winner = self.state.stage(stage).winner
        if winner is None:
            raise AssertionError(f"stage {stage} has no winner yet")
        return winner


def _stage_of(events: Sequence[Event], *, default: int) -> int:
    """Return the stage that facts are about; `default` where they are about the sweep."""
    for event in events:
        match event:
            case StudySubmitting(study=study):
                return study.stage
            case SweepStarted() | SweepResumed() | SweepFinished():
                continue
            case _:
                return event.stage
    return default


def _empty(plan: SweepPlan) -> SweepState:
    return SweepState(
        species=plan.species,
        algorithm=plan.algorithm,
        fingerprint=plan.fingerprint,
        comparables=plan.comparables,
        attempt=plan.first_attempt,
        stages=(),
    )


def _with_stages(state: SweepState, plan: SweepPlan) -> SweepState:
    known = {stage.stage: stage for stage in state.stages}
    stages = tuple(
        known.get(planned.number)
        or StageState(planned.number, planned.name, trials_wanted=planned.trials)
        for planned in plan.stages
    )
    return state if stages == state.stages else replace(state, stages=stages)


def check_same_plan(plan: SweepPlan, state: SweepState) -> None:
    """Raise PlanMismatch, the differences in its message, unless the state is of this plan."""
    if state.fingerprint == plan.fingerprint:
        return
    lines = differences(plan.comparables, state.comparables)
    shown = [f"  {line}" for line in lines[:_SHOWN]]
    if len(lines) > _SHOWN:
        shown.append(f"  … and {len(lines) - _SHOWN} more")
    raise PlanMismatch(
        f"{plan.root} holds a sweep of another plan; what differs (then → now):\n"
        + "\n".join(shown),
        hint="Restore those settings to go on with it, choose another --output-dir, "
        "or pass --no-resume to start a new attempt beside it.",
    )
