"""A tuning service that lives in memory, whose calls go wrong on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

from mesosweep.domain.errors import BackendError, Transient
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import Progress, Trial
from mesosweep.ports import Clock, Submission
from mesosweep.testing._studies import Outcome, assigned, rising
from mesosweep.testing.clock import FakeClock

Verb: TypeAlias = Literal["prepare", "submit", "find", "poll", "cancel"]
T = TypeVar("T")


@dataclass
class Fault:
    """Something that goes wrong with one call of one verb."""

    verb: Verb
    error: BackendError
    after: bool
    """Whether the verb still does its work and only the answer is lost."""


@dataclass
class Job:
    """One study as the imagined service keeps it."""

    study: Study
    since: datetime
    kept: tuple[Trial, ...] = ()
    """Ended in an earlier job of the same study."""
    cancelled_at: datetime | None = None


@dataclass
class FakeService:
    """What outlives the process that talks to it."""

    clock: Clock = field(default_factory=FakeClock)
    jobs: dict[str, Job] = field(default_factory=dict)
    """Study key → its latest job."""
    submitted: list[str] = field(default_factory=list)
    """The key of every submission, in order; a key that comes twice was paid for twice."""
    started: list[tuple[str, str]] = field(default_factory=list)
    """(study key, trial id) of every trial that a submission brought about."""


class Faulty:
    """A backend whose calls go wrong on request, and are counted."""

    def __init__(self) -> None:
        self.calls: list[Verb] = []
        self._faults: list[Fault] = []

    def fail_next(self, verb: Verb, error: BackendError | None = None, *, times: int = 1) -> None:
        """Let the next calls of `verb` do nothing but raise."""
        error = error or Transient(f"{verb}: the service is unavailable (503)")
        self._faults += [Fault(verb, error, after=False)] * times

    def lose_reply(self, verb: Verb, error: BackendError | None = None) -> None:
        """Let the next call of `verb` do its work and then raise all the same."""
        error = error or Transient(f"{verb}: no answer within 30 s")
        self._faults.append(Fault(verb, error, after=True))

    def _meet(self, verb: Verb) -> Fault | None:
        """Count the call; raise a fault that comes before the work, return one that comes after."""
        self.calls.append(verb)
        fault = next((f for f in self._faults if f.verb == verb), None)
        if fault is None:
            return None
        self._faults.remove(fault)
        if not fault.after:
            raise fault.error
        return fault

    @staticmethod
    def _answer(fault: Fault | None, answer: T) -> T:
        if fault is not None:
            raise fault.error
        return answer


class FakeBackend(Faulty):
    """A tuning service in memory.

    Trials run `parallel` at a time and take `trial_s` each; what a poll answers
    depends on the clock alone. Open a second one over the same service to play
    a restarted supervisor.
    """

    name = "fake"

    def __init__(
        self,
        service: FakeService | None = None,
        *,
        outcome: Outcome = rising,
        trial_s: float = 60.0,
        job_error: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.service = service or FakeService()
        self.outcome = outcome
        self.trial_s = trial_s
        self.job_error = dict(job_error or {})
        """Study key → the message with which its job fails as a whole."""

    def prepare(self, study: Study) -> Submission:
        self.calls.append("prepare")
        return Submission(study, {"displayName": study.key, "maxTrialCount": study.trials})

    def submit(self, submission: Submission) -> JobRef:
        fault = self._meet("submit")
        study = submission.study
        old = self.service.jobs.get(study.key)
        kept = tuple(t for t in self._trials(old) if t.has_ended) if old else ()
        self.service.jobs[study.key] = Job(study, self.service.clock.now(), kept)
        self.service.submitted.append(study.key)
        fresh = range(len(kept), study.trials)
        self.service.started += [(study.key, str(number)) for number in fresh]
        return self._answer(fault, JobRef(self.name, study.key, f"https://fake/{study.key}"))

    def find(self, study: Study) -> JobRef | None:
        fault = self._meet("find")
        job = self.service.jobs.get(study.key)
        # A cancelled job never goes on by itself, and one that wanted fewer trials lacks
        # some: both are absent, so that the engine submits what is still to do.
        gone = job is None or job.cancelled_at is not None or job.study.trials < study.trials
        ref = None if gone else JobRef(self.name, study.key, f"https://fake/{study.key}")
        return self._answer(fault, ref)

    def poll(self, job: JobRef) -> StudySnapshot:
        fault = self._meet("poll")
        found = self.service.jobs[job.name]
        trials = self._trials(found)
        ended = sum(trial.has_ended for trial in trials)
        if job.name in self.job_error:
            return self._answer(
                fault, StudySnapshot("failed", trials, message=self.job_error[job.name])
            )
        if ended >= found.study.trials:
            return self._answer(fault, StudySnapshot("succeeded", trials))
        state: Literal["cancelled", "running"] = "cancelled" if found.cancelled_at else "running"
        return self._answer(fault, StudySnapshot(state, trials))

    def cancel(self, job: JobRef) -> None:
        fault = self._meet("cancel")
        found = self.service.jobs.get(job.name)
        if found is not None and found.cancelled_at is None:
            found.cancelled_at = self.service.clock.now()
        self._answer(fault, None)

    def wait(self, job: JobRef, clock: Clock) -> None:  # noqa: ARG002  # the port's shape
        # The service's clock, whichever was handed in: its trials must get on.
        self.service.clock.sleep(self.trial_s / 3)

    def _trials(self, job: Job) -> tuple[Trial, ...]:
        study = job.study
        now = job.cancelled_at or self.service.clock.now()
        elapsed = (now - job.since).total_seconds()
        trials = list(job.kept)
        for place in range(study.trials - len(job.kept)):
            number = len(job.kept) + place
            running_s = elapsed - (place // study.parallel) * self.trial_s
            if running_s < 0:
                break
            assignment = assigned(study, number)
            if running_s >= self.trial_s:
                trials.append(self.outcome(study, number, assignment))
            else:
                step = int(study.settings.timesteps * running_s / self.trial_s)
                trials.append(
                    Trial(
                        trial_id=str(number),
                        attempt=study.attempt,
                        status="running",
                        assignment=assignment,
                        progress=Progress(step=step),
                    )
                )
        return tuple(trials)
