"""A tuning service in memory that, as Vertex AI does, knows jobs and no studies.

What a lost job left undone is another job's, in a folder of its own, and its trials are numbered
from 1 again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import Progress, Trial
from mesosweep.ports import Clock, Submission
from mesosweep.testing.backend import Faulty, Outcome, assigned, rising
from mesosweep.testing.clock import FakeClock

TRIAL_S = 60.0
LAST_WORDS_S = 20.0
"""So long may a worker go on after its job was lost; what it puts down by then counts."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How a job was lost."""

    at: datetime
    state: Literal["failed", "cancelled"]
    message: str


@dataclass
class NumberedJob:
    """One job of a study."""

    study: Study
    """As this job runs it: attempt and folder are its own."""
    wanted: int
    since: datetime
    loss: Loss | None = None

    def trials(self, outcome: Outcome, now: datetime) -> tuple[Trial, ...]:
        """Return its trials as they stand, numbered from 1."""
        found = (self._trial(number, outcome, now) for number in range(1, self.wanted + 1))
        return tuple(trial for trial in found if trial is not None)

    def is_over(self, now: datetime) -> bool:
        """Whether nothing will change any more."""
        if self.loss is not None:
            return now >= self.loss.at + timedelta(seconds=LAST_WORDS_S)
        return now >= self._begins(self.wanted) + timedelta(seconds=TRIAL_S)

    def share(self, outcome: Outcome, now: datetime) -> int:
        """Return how many trials need not be asked for again, thanks to it."""
        if self.loss is None:
            return self.wanted
        return sum(t.has_ended and t.status != "failed" for t in self.trials(outcome, now))

    def _trial(self, number: int, outcome: Outcome, now: datetime) -> Trial | None:
        begins = self._begins(number)
        ends = begins + timedelta(seconds=TRIAL_S)
        loss = self.loss
        if begins > min(now, loss.at if loss else now):
            return None
        assignment = assigned(self.study, number - 1)
        last_words = loss is not None and ends <= loss.at + timedelta(seconds=LAST_WORDS_S)
        if ends <= now and (loss is None or last_words):
            return outcome(self.study, number, assignment)
        trial = Trial(str(number), self.study.attempt, "running", assignment)
        if loss is not None and now >= loss.at:
            return replace(trial, status="failed", reason=f"interrupted: {loss.message}")
        share = (now - begins).total_seconds() / TRIAL_S
        return replace(trial, progress=Progress(int(self.study.settings.timesteps * share)))

    def _begins(self, number: int) -> datetime:
        return self.since + timedelta(seconds=(number - 1) // self.study.parallel * TRIAL_S)


@dataclass
class JobService:
    """What outlives the process that talks to it."""

    clock: Clock = field(default_factory=FakeClock)
    jobs: dict[str, list[NumberedJob]] = field(default_factory=dict)
    """Study key → its jobs, oldest first."""

    def lose(self, key: str, state: Literal["failed", "cancelled"], message: str) -> None:
        """End the study's latest job before its time, unless it has ended."""
        now = self.clock.now()
        job = self.jobs[key][-1]
        if job.loss is None and not job.is_over(now):
            job.loss = Loss(now, state, message)

    def trials(self, outcome: Outcome) -> tuple[Trial, ...]:
        """Return all trials of all jobs there ever were."""
        now = self.clock.now()
        every = (job for jobs in self.jobs.values() for job in jobs)
        return tuple(trial for job in every for trial in job.trials(outcome, now))


class JobsBackend(Faulty):
    """A `ports.Backend` over a `JobService`. A trial takes a minute; the clock decides the rest."""

    name = "jobs"

    def __init__(self, service: JobService | None = None, *, outcome: Outcome = rising) -> None:
        super().__init__()
        self.service = service or JobService()
        self.outcome = outcome
        self._wanted: dict[str, int] = {}

    def prepare(self, study: Study) -> Submission:
        self.calls.append("prepare")
        return Submission(study, {"displayName": study.key, "maxTrialCount": study.trials})

    def find(self, study: Study) -> JobRef | None:
        fault = self._meet("find")
        self._wanted[study.key] = study.trials
        jobs = self.service.jobs.get(study.key, [])
        goes_on = bool(jobs) and (jobs[-1].loss is None and not self._is_over(jobs[-1]))
        is_there = goes_on or (bool(jobs) and self._missing(study, jobs) <= 0)
        return self._answer(fault, self._ref(study) if is_there else None)

    def submit(self, submission: Submission) -> JobRef:
        fault = self._meet("submit")
        study = submission.study
        jobs = self.service.jobs.setdefault(study.key, [])
        attempt = study.attempt + len(jobs)
        own = replace(study, attempt=attempt, folder=study.folder_of(attempt))
        jobs.append(NumberedJob(own, self._missing(study, jobs), self.service.clock.now()))
        return self._answer(fault, self._ref(study))

    def poll(self, job: JobRef) -> StudySnapshot:
        fault = self._meet("poll")
        jobs = self.service.jobs[job.name]
        now, last = self.service.clock.now(), jobs[-1]
        trials = tuple(trial for each in jobs for trial in each.trials(self.outcome, now))
        if not last.is_over(now):
            return self._answer(fault, StudySnapshot("running", trials))
        # Whoever asked last may want more than the job was submitted for.
        missing = self._wanted.get(job.name, last.study.trials) - self._shared(jobs)
        if missing <= 0:
            return self._answer(fault, StudySnapshot("succeeded", trials))
        if last.loss is None:
            told = f"{missing} more are wanted"
            return self._answer(fault, StudySnapshot("incomplete", trials, told))
        lost = StudySnapshot(last.loss.state, trials, last.loss.message)
        return self._answer(fault, lost)

    def cancel(self, job: JobRef) -> None:
        fault = self._meet("cancel")
        self.service.lose(job.name, "cancelled", "the job was cancelled")
        while not self._is_over(self.service.jobs[job.name][-1]):
            self.service.clock.sleep(LAST_WORDS_S)
        self._answer(fault, None)

    def wait(self, job: JobRef, clock: Clock) -> None:  # noqa: ARG002  # the port's shape
        # The service's clock, whichever was handed in: its trials must get on.
        self.service.clock.sleep(TRIAL_S / 3)

    def _missing(self, study: Study, jobs: Sequence[NumberedJob]) -> int:
        return study.trials - self._shared(jobs)

    def _shared(self, jobs: Sequence[NumberedJob]) -> int:
        now = self.service.clock.now()
        return sum(job.share(self.outcome, now) for job in jobs)

    def _is_over(self, job: NumberedJob) -> bool:
        return job.is_over(self.service.clock.now())

    def _ref(self, study: Study) -> JobRef:
        return JobRef(self.name, study.key, f"https://jobs/{study.key}")
