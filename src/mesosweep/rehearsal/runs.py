"""One container on one machine: waiting, running, taken away and restarted, ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from mesosweep.rehearsal.environment import argv_of, environment_of
from mesosweep.rehearsal.faults import Faults, Preemption
from mesosweep.rehearsal.orders import Chosen, JobState, Measurement, RunOrder
from mesosweep.rehearsal.refusal import Code
from mesosweep.rehearsal.running import Exit, Launch, TrialRunner
from mesosweep.rehearsal.undocumented import BELIEVED, Undocumented


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the imagined data centre takes, in seconds; nothing by default."""

    queue_s: float = 0.0
    """From a tuning job's creation until it runs."""
    provisioning_s: float = 0.0
    """From a trial's or custom job's start until its container runs."""
    restart_s: float = 0.0
    """From a preemption until the container runs again."""


def _tell_nobody(_event: str, _facts: Mapping[str, object]) -> None:
    """Take no note."""


@dataclass(frozen=True, slots=True)
class Place:
    """What all runs of one rehearsed cloud share."""

    runner: TrialRunner
    faults: Faults
    undocumented: Undocumented = BELIEVED
    pace: Pace = Pace()
    entry_point: tuple[str, ...] = ("mesosweep",)
    """What a container without a command executes."""
    tell: Callable[[str, Mapping[str, object]], None] = _tell_nobody
    """Told what a client cannot see: (`fault` | `started` | `preempted` | `ended`, facts)."""


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job did not succeed."""

    code: Code
    message: str


class Asked(Enum):
    """Why a run was told to stop."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    ENOUGH = "enough"
    """It was stopped early; what it reported counts."""


class Run:
    """A custom job, or what backs one trial of a tuning job.

    Worker pools of several machines are not modelled: a machine that is taken away always
    restarts the whole run, if it may.
    """

    def __init__(
        self,
        place: Place,
        order: RunOrder,
        *,
        run_id: str,
        job: str,
        now: datetime,
        trial_id: str = "",
        chosen: Chosen | None = None,
        metrics: tuple[str, ...] = (),
    ) -> None:
        self.run_id = run_id
        self.trial_id = trial_id
        self.state = JobState.PENDING
        self.error: JobError | None = None
        self.reports: tuple[Measurement, ...] = ()
        self.restarts = 0
        self.asked: Asked | None = None
        self.create_time = self.update_time = now
        self.start_time: datetime | None = None
        self.end_time: datetime | None = None
        self._place = place
        self._order = order
        self._job = job
        self._chosen: Mapping[str, float | str] = chosen or {}
        self._metrics = metrics
        self._ready_at = now + timedelta(seconds=place.pace.provisioning_s)
        self._started_at = now
        self._hit: Preemption | None = None
        self._taken = False

    @property
    def asked_for(self) -> int:
        """How many machines it holds or wants."""
        return 0 if self.state.is_end else 1

    @property
    def takes(self) -> Mapping[str, int]:
        """Meter of the quota → how much of it the machine takes."""
        return self._order.takes

    def step(self, now: datetime) -> None:
        """Let happen what happens by `now`."""
        while self._moves(now):
            self.update_time = now

    def stop(self, why: Asked, now: datetime) -> None:
        """Ask the run to end. The first reason counts."""
        if self.asked is not None or self.state.is_end:
            return
        self.asked = why
        if self.state is JobState.PENDING:
            self._settle(Exit(0), now)
            return
        if why is Asked.CANCELLED:
            self.state = JobState.CANCELLING
        self.update_time = now
        self._place.runner.stop(self.run_id, now=now)

    def cancel(self, now: datetime) -> None:
        """Begin to cancel; `step` carries it through."""
        self.stop(Asked.CANCELLED, now)

    def due(self) -> Iterator[datetime]:
        """Yield the moments at which the run does something by itself."""
        if self.state is JobState.PENDING:
            yield self._ready_at
        elif not self.state.is_end and self.asked is None:
            yield self._deadline
            if self._hit is not None and self._hit.after_s is not None:
                yield self._started_at + timedelta(seconds=self._hit.after_s)

    def _moves(self, now: datetime) -> bool:
        """Do one thing that is due; return whether there may be another."""
        if self.state.is_end:
            return False
        if self.state is JobState.PENDING:
            if now < self._ready_at:
                return False
            self._launch(now)
            return True
        seen = self._place.runner.look(self.run_id, now=now)
        self.reports = seen.reports
        if seen.exit is not None:
            self._settle(seen.exit, now)
            return True
        if self.asked is not None or self._taken:
            return False
        if now >= self._deadline:
            self.stop(Asked.TIMED_OUT, now)
            return True
        if self._is_hit(now):
            self._taken = True
            self._tell("preempted", reports=len(self.reports))
            self._place.runner.kill(self.run_id, now=now)
            return True
        return False

    def _launch(self, now: datetime) -> None:
        self.state = JobState.RUNNING
        self.start_time = self.start_time or now
        self._started_at, self._taken = now, False
        go = self.restarts + 1
        self._hit = self._place.faults.preemption(
            job=self._job, trial_id=self.trial_id, run_id=self.run_id, go=go
        )
        argv = argv_of(
            self._order.container,
            self._chosen,
            entry_point=self._place.entry_point,
            undocumented=self._place.undocumented,
        )
        env = environment_of(self._order, run_id=self.run_id, trial_id=self.trial_id)
        launch = Launch(self.run_id, self.trial_id, argv, env, self._metrics, go=go)
        self._place.runner.start(launch, now=now)
        self._tell("started", go=go)

    def _settle(self, exit_: Exit, now: datetime) -> None:
        """Decide what the end of the process means."""
        match self.asked:
            case Asked.ENOUGH:
                return self._end(JobState.SUCCEEDED, now)
            case Asked.CANCELLED:
                return self._end(
                    JobState.CANCELLED, now, JobError("CANCELLED", "It was cancelled.")
                )
            case Asked.TIMED_OUT:
                state = JobState[self._place.undocumented.timed_out]
                limit = f"The timeout of {self._order.timeout_s:g} s was reached."
                return self._end(state, now, JobError("DEADLINE_EXCEEDED", limit))
        if self._taken:
            return self._restart(now)
        if exit_.code == 0:
            return self._end(JobState.SUCCEEDED, now)
        # A shell's spelling of signals is what container platforms report.
        status = exit_.code if exit_.code > 0 else 128 - exit_.code
        said = f" {exit_.says}" if exit_.says else ""
        message = f"The replica workerpool0-0 exited with a non-zero status of {status}.{said}"
        return self._end(JobState.FAILED, now, JobError("INVALID_ARGUMENT", message))

    def _restart(self, now: datetime) -> None:
        rules = self._place.undocumented
        wanted = self._order.restart_on_worker_restart or rules.restarts_unasked
        if wanted and not self._order.disable_retries and self.restarts < rules.max_restarts:
            self.restarts += 1
            self.state = JobState.PENDING
            self._ready_at = now + timedelta(seconds=self._place.pace.restart_s)
            return
        times = f" after {self.restarts} restarts" if self.restarts else ""
        message = f"The machine was preempted{times} and is not restarted."
        self._end(JobState.FAILED, now, JobError("UNAVAILABLE", message))

    def _end(self, state: JobState, now: datetime, error: JobError | None = None) -> None:
        self.state, self.error = state, error
        self.end_time = self.update_time = now
        self._tell("ended", state=state.name)

    def _tell(self, event: str, **facts: object) -> None:
        who = {"job": self._job, "run_id": self.run_id, "trial": self.trial_id}
        self._place.tell(event, {**who, **facts})

    def _is_hit(self, now: datetime) -> bool:
        if self._hit is None:
            return False
        if self._hit.after_reports is not None:
            return len(self.reports) >= self._hit.after_reports
        return now >= self._started_at + timedelta(seconds=self._hit.after_s or 0.0)

    @property
    def _deadline(self) -> datetime:
        return (self.start_time or self.create_time) + timedelta(seconds=self._order.timeout_s)
