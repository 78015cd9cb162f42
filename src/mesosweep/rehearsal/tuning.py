"""A hyperparameter-tuning job: which trials run, and how the job ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from mesosweep.rehearsal.orders import JobState, TrialState, TuningOrder
from mesosweep.rehearsal.refusal import Code
from mesosweep.rehearsal.runs import Asked, JobError, Place, Run
from mesosweep.rehearsal.searching import suggestions
from mesosweep.rehearsal.studying import is_hopeless, is_over, moments
from mesosweep.rehearsal.tuned import Trial


class Tuning:
    """The states of one tuning job and of its trials; moved on by `step` alone."""

    def __init__(
        self,
        place: Place,
        order: TuningOrder,
        *,
        name: str,
        seed: int,
        new_id: Callable[[], str],
        now: datetime,
    ) -> None:
        self.order = order
        self.trials: list[Trial] = []
        self.state = JobState.PENDING
        self.error: JobError | None = None
        self.create_time = self.update_time = now
        self.start_time: datetime | None = None
        self.end_time: datetime | None = None
        self._place = place
        self._name = name
        self._new_id = new_id
        study = order.study
        self._next = suggestions(study.parameters, algorithm=study.algorithm, seed=seed)
        self._enough = False
        """No more trials are begun."""
        self._cancelled_at: datetime | None = None

    @property
    def asked_for(self) -> int:
        """How many trials may run side by side."""
        return 0 if self.state.is_end else min(self.order.parallel, self.order.max_trials)

    @property
    def takes(self) -> Mapping[str, int]:
        """Meter of the quota → how much of it each of them takes."""
        return self.order.run.takes

    def step(self, now: datetime) -> None:
        """Let happen what happens by `now`."""
        if self.state is JobState.PENDING:
            if now < self._ready_at:
                return
            self.state, self.start_time, self.update_time = JobState.RUNNING, now, now
        while self._moves(now):
            self.update_time = now

    def cancel(self, now: datetime) -> None:
        """Begin to cancel; `step` carries it through. Does nothing to a job that has ended."""
        if self.state.is_end or self._cancelled_at is not None:
            return
        self.state, self._cancelled_at, self.update_time = JobState.CANCELLING, now, now
        for trial in self._live():
            trial.state = TrialState.STOPPING
            trial.run.stop(Asked.CANCELLED, now)

    def due(self) -> Iterator[datetime]:
        """Yield the moments at which the job does something by itself."""
        if self.state is JobState.PENDING:
            yield self._ready_at
        for trial in self.trials:
            yield from trial.run.due()
        if self._cancelled_at is not None:
            yield self._cancelled_at + timedelta(seconds=self._place.undocumented.cancelling_s)
        if self.order.study.stopping is not None and self.start_time is not None:
            ends = [trial.end_time for trial in self.trials if trial.end_time is not None]
            yield from moments(self.order.study.stopping, began=self.start_time, ends=ends)

    # ── moving on ────────────────────────────────────────────────────────────

    def _moves(self, now: datetime) -> bool:
        """Do what is due; return whether that may have made more due."""
        news = self._look_at_runs(now)
        if self.state.is_end:
            return news
        if self._cancelled_at is not None:
            return self._carry_cancel_through(now) or news
        if limit := self._failed_too_often():
            self._end(JobState.FAILED, now, "INVALID_ARGUMENT", f"{limit} trials have failed.")
            return True
        news = self._stop_the_hopeless(now) or news
        news = self._heed_stopping_config(now) or news
        news = self._begin_trials(now) or news
        if not self._live() and (self._enough or len(self.trials) == self.order.max_trials):
            self._conclude(now)
            return True
        return news

    def _look_at_runs(self, now: datetime) -> bool:
        at_work = [trial for trial in self.trials if not trial.run.state.is_end]
        for trial in at_work:
            trial.run.step(now)
        if self._cancelled_at is not None or self.state.is_end:
            return False
        ended = [trial for trial in at_work if trial.run.state.is_end]
        for trial in ended:
            trial.complete(self.order.study, self._place.undocumented, now)
        return bool(ended)

    def _carry_cancel_through(self, now: datetime) -> bool:
        assert self._cancelled_at is not None
        lasts = timedelta(seconds=self._place.undocumented.cancelling_s)
        is_quiet = all(trial.run.state.is_end for trial in self.trials)
        if not is_quiet or now < self._cancelled_at + lasts:
            return False
        self._end(JobState.CANCELLED, now, "CANCELLED", "The job was cancelled.")
        return True

    def _failed_too_often(self) -> int:
        """Return how many trials have failed where that fails the job, else 0."""
        failed = sum(trial.state is TrialState.INFEASIBLE for trial in self.trials)
        limit = self.order.max_failed or self._place.undocumented.fails_after
        return failed if limit is not None and failed >= limit else 0

    def _stop_the_hopeless(self, now: datetime) -> bool:
        study = self.order.study
        completed = [t.run.reports for t in self.trials if t.state is TrialState.SUCCEEDED]
        hopeless = [
            trial
            for trial in self.trials
            if trial.state is TrialState.ACTIVE and is_hopeless(study, trial.run.reports, completed)
        ]
        for trial in hopeless:
            trial.state = TrialState.STOPPING
            trial.run.stop(Asked.ENOUGH, now)
        return bool(hopeless)

    def _heed_stopping_config(self, now: datetime) -> bool:
        study = self.order.study
        if study.stopping is None or not self._place.undocumented.study_stopping or self._enough:
            return False
        done = sorted(
            ((t.end_time, t) for t in self.trials if t.end_time is not None),
            key=lambda pair: (pair[0], int(pair[1].trial_id)),
        )
        finals = [(at, t.final.metrics[study.metric.name] if t.final else None) for at, t in done]
        began = self.start_time or self.create_time
        self._enough = is_over(
            study.stopping, finals=finals, began=began, now=now, metric=study.metric
        )
        for trial in self._live() if self._enough and study.stopping.asap else []:
            trial.state = TrialState.STOPPING
            trial.run.stop(Asked.ENOUGH, now)
        return self._enough

    def _begin_trials(self, now: datetime) -> bool:
        begun = False
        while (
            not self._enough
            and len(self.trials) < self.order.max_trials
            and len(self._live()) < self.order.parallel
        ):
            chosen = next(self._next, None)
            if chosen is None:  # the grid has no more points
                self._enough = True
                break
            number = str(len(self.trials) + 1)
            run = Run(
                self._place,
                self.order.run,
                run_id=self._new_id(),
                job=self._name,
                now=now,
                trial_id=number,
                chosen=chosen,
                metrics=tuple(metric.name for metric in self.order.study.metrics),
            )
            self.trials.append(Trial(number, chosen, run, start_time=now))
            begun = True
        return begun

    def _conclude(self, now: datetime) -> None:
        if any(trial.state is TrialState.SUCCEEDED for trial in self.trials):
            self._end(JobState.SUCCEEDED, now)
        else:
            self._end(JobState.FAILED, now, "INVALID_ARGUMENT", "Not one trial succeeded.")

    def _end(
        self, state: JobState, now: datetime, code: Code | None = None, message: str = ""
    ) -> None:
        self.state = state
        self.error = None if code is None else JobError(code, message)
        self.end_time = self.update_time = now
        for trial in self._live():
            trial.run.stop(Asked.CANCELLED, now)
            trial.leave(self.order.study, self._place.undocumented, now, reason=message)

    def _live(self) -> list[Trial]:
        return [trial for trial in self.trials if not trial.state.is_end]

    @property
    def _ready_at(self) -> datetime:
        return self.create_time + timedelta(seconds=self._place.pace.queue_s)
