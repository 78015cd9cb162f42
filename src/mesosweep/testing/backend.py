"""A backend that lives in memory, and the promises that every backend keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias, TypeVar

from mesosweep.domain.errors import BackendError, Transient
from mesosweep.domain.score import Score
from mesosweep.domain.space import Assignment, Double, SearchSpace
from mesosweep.domain.study import JobRef, Study, StudySnapshot, TrialSettings
from mesosweep.domain.trial import Checkpoint, Progress, Trial
from mesosweep.ports import Backend, Clock, Submission
from mesosweep.testing.clock import FakeClock

Verb: TypeAlias = Literal["prepare", "submit", "find", "poll", "cancel"]
Outcome: TypeAlias = Callable[[Study, int, Assignment], Trial]
"""(study, trial number from 0, assignment) → the trial as it will have ended."""
T = TypeVar("T")


def a_study(
    *,
    key: str = "ratite-count-abcdef-s1-a0",
    stage: int = 1,
    trials: int = 4,
    parallel: int = 2,
    folder: str = "stage1",
    space: SearchSpace | None = None,
    **others: object,
) -> Study:
    """Return a small study to test with; keyword arguments replace its fields."""
    study = Study(
        key=key,
        species="counting",
        algorithm="count",
        stage=stage,
        stage_name="first",
        attempt=0,
        folder=folder,
        space=space or SearchSpace({"count_gain": Double(0.0, 1.0)}),
        trials=trials,
        parallel=parallel,
        settings=TrialSettings(timesteps=100, n_envs=1, eval_freq=25, save_freq=20),
    )
    return replace(study, **others)  # type: ignore[arg-type]  # a test names real fields


def scored(study: Study, trial_id: str, assignment: Assignment, reward: float) -> Trial:
    """Return a finished trial with this mean reward, judged by the study's gate."""
    score = Score(30, reward, 1.0, mean_length=100.0, full_length_rate=1.0)
    folder = f"{study.folder}/{trial_id}/models"
    return Trial(
        trial_id=trial_id,
        attempt=study.attempt,
        status="finished",
        assignment=assignment,
        best_mean_reward=reward,
        panel=score,
        verdict=study.gate.admits(score),
        checkpoint=Checkpoint(f"{folder}/best_model.zip", "best", trial_id),
        final_checkpoint=Checkpoint(f"{folder}/stage{study.stage}_final.zip", "final", trial_id),
        steps_asked=study.settings.timesteps,
        steps_trained=study.settings.timesteps,
        duration_s=60.0,
    )


def lost(study: Study, trial_id: str, assignment: Assignment, reason: str) -> Trial:
    """Return a trial that failed for this reason."""
    return Trial(trial_id, study.attempt, "failed", assignment, reason=reason)


def rising(study: Study, number: int, assignment: Assignment) -> Trial:
    """Every trial finishes, each better than the one before."""
    return scored(study, str(number), assignment, reward=float(number))


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


class BackendSuite:
    """What the engine relies on, whoever runs the trials.

    Derive a test class, and give it `open_backend`: each call returns a fresh backend
    over the same place, as a restarted supervisor would open it.
    """

    failing: ClassVar[Assignment] = {"count_gain": 0.5}
    """An assignment whose trial fails in the backend under test."""

    def open_backend(self) -> Backend:
        raise NotImplementedError

    def study(self) -> Study:
        """Return a study of four short trials, two at a time."""
        raise NotImplementedError

    def clock(self) -> Clock:
        """Return what the backend's `wait` is handed."""
        raise NotImplementedError

    def settle(self, backend: Backend, job: JobRef, *, polls: int = 5_000) -> StudySnapshot:
        """Poll until the study has ended."""
        for _ in range(polls):
            snapshot = backend.poll(job)
            if snapshot.state != "running":
                return snapshot
            backend.wait(job, self.clock())
        raise AssertionError(f"still running after {polls} polls: {snapshot}")

    def test_what_was_never_submitted_is_absent(self) -> None:
        assert self.open_backend().find(self.study()) is None

    def test_preparing_starts_nothing(self) -> None:
        backend = self.open_backend()

        submission = backend.prepare(self.study())

        assert submission.study == self.study()
        assert backend.find(self.study()) is None

    def test_a_study_that_has_begun_is_found(self) -> None:
        backend = self.open_backend()
        job = backend.submit(backend.prepare(self.study()))
        backend.poll(job)

        assert backend.find(self.study()) == job
        backend.cancel(job)

    def test_a_study_ends_with_exactly_the_trials_it_asked_for(self) -> None:
        backend = self.open_backend()

        snapshot = self.settle(backend, backend.submit(backend.prepare(self.study())))

        assert snapshot.state == "succeeded"
        assert len(snapshot.trials) == self.study().trials
        assert len({trial.identity for trial in snapshot.trials}) == self.study().trials
        for trial in snapshot.trials:
            assert trial.status == "finished"
            assert trial.steps_trained == trial.steps_asked == self.study().settings.timesteps
            assert not self.study().space.problems(trial.assignment)

    def test_asking_twice_gives_the_same_answer(self) -> None:
        backend = self.open_backend()
        job = backend.submit(backend.prepare(self.study()))
        first = self.settle(backend, job)

        assert backend.poll(job) == first

    def test_never_more_than_parallel_trials_run(self) -> None:
        backend = self.open_backend()
        job = backend.submit(backend.prepare(self.study()))

        snapshot = backend.poll(job)
        while snapshot.state == "running":
            running = [trial for trial in snapshot.trials if not trial.has_ended]
            assert len(running) <= self.study().parallel
            backend.wait(job, self.clock())
            snapshot = backend.poll(job)

    def test_known_points_come_first(self) -> None:
        study = replace(
            self.study(), default={"count_gain": 0.25}, enqueued=({"count_gain": 0.75},)
        )
        backend = self.open_backend()

        snapshot = self.settle(backend, backend.submit(backend.prepare(study)))

        first, second = (dict(trial.assignment) for trial in snapshot.trials[:2])
        assert (first, second) == ({"count_gain": 0.25}, {"count_gain": 0.75})

    def test_a_failed_trial_is_recorded_and_blocks_nobody(self) -> None:
        study = replace(self.study(), enqueued=(self.failing,))
        backend = self.open_backend()

        snapshot = self.settle(backend, backend.submit(backend.prepare(study)))

        failed = [trial for trial in snapshot.trials if trial.status == "failed"]
        assert [dict(trial.assignment) for trial in failed] == [dict(self.failing)]
        assert failed[0].reason
        assert len(snapshot.trials) == study.trials

    def test_cancelling_twice_is_cancelling_once(self) -> None:
        backend = self.open_backend()
        job = backend.submit(backend.prepare(self.study()))

        backend.cancel(job)
        backend.cancel(job)

        assert backend.poll(job).state == "cancelled"

    def test_a_finished_study_is_found_again_with_the_same_trials(self) -> None:
        backend = self.open_backend()
        before = self.settle(backend, backend.submit(backend.prepare(self.study())))

        reopened = self.open_backend()
        job = reopened.find(self.study())
        if job is None:
            job = reopened.submit(reopened.prepare(self.study()))
        after = self.settle(reopened, job)

        assert after.trials == before.trials

    def test_what_a_cancelled_study_had_finished_is_neither_lost_nor_repeated(self) -> None:
        backend = self.open_backend()
        job = backend.submit(backend.prepare(self.study()))
        snapshot = backend.poll(job)
        while not (before := [t for t in snapshot.trials if t.status == "finished"]):
            backend.wait(job, self.clock())
            snapshot = backend.poll(job)
        backend.cancel(job)

        reopened = self.open_backend()
        again = reopened.find(self.study())
        if again is None:
            again = reopened.submit(reopened.prepare(self.study()))
        after = self.settle(reopened, again)

        assert after.state == "succeeded"
        assert [trial for trial in before if trial not in after.trials] == []
        assert len({trial.identity for trial in after.trials}) == len(after.trials)
        finished = [trial for trial in after.trials if trial.status == "finished"]
        assert len(finished) == self.study().trials

    def test_more_trials_continue_a_study_and_repeat_none(self) -> None:
        backend = self.open_backend()
        before = self.settle(backend, backend.submit(backend.prepare(self.study())))

        more = replace(self.study(), trials=self.study().trials + 2)
        reopened = self.open_backend()
        after = self.settle(reopened, reopened.submit(reopened.prepare(more)))

        assert len(after.trials) == more.trials
        assert after.trials[: len(before.trials)] == before.trials


def assigned(study: Study, number: int) -> Assignment:
    """Return what a fake service chooses: known points first, then evenly over the space."""
    default: tuple[Assignment, ...] = () if study.default is None else (study.default,)
    known = (*default, *study.enqueued)
    if number < len(known):
        return known[number]
    # Steps of the golden ratio: even over the space and the same in every run.
    unit = (number + 1) * 0.6180339887498949 % 1.0
    return {name: parameter.at(unit) for name, parameter in study.space.items()}
