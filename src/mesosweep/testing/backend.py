"""The promises that every backend keeps, and a fake one that keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from mesosweep.domain.space import Assignment
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.ports import Backend, Clock
from mesosweep.testing._service import FakeBackend as FakeBackend
from mesosweep.testing._service import FakeService as FakeService
from mesosweep.testing._service import Fault as Fault
from mesosweep.testing._service import Faulty as Faulty
from mesosweep.testing._service import Job as Job
from mesosweep.testing._service import Verb as Verb
from mesosweep.testing._studies import Outcome as Outcome
from mesosweep.testing._studies import a_study as a_study
from mesosweep.testing._studies import assigned as assigned
from mesosweep.testing._studies import lost as lost
from mesosweep.testing._studies import rising as rising
from mesosweep.testing._studies import scored as scored


class BackendSuite:
    """What the engine relies on, whoever runs the trials.

    Derive a test class, and give it `open_backend`: each call returns a fresh backend
    over the same place, as a restarted supervisor would open it.
    """

    failing: ClassVar[Assignment] = {"count_gain": 0.5}
    """An assignment whose trial fails in the backend under test."""

    def open_backend(self) -> Backend:
        raise NotImplementedError  # whoever derives from this says it

    def study(self) -> Study:
        """Return a study of four short trials, two at a time."""
        raise NotImplementedError  # whoever derives from this says it

    def clock(self) -> Clock:
        """Return what the backend's `wait` is handed."""
        raise NotImplementedError  # whoever derives from this says it

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
