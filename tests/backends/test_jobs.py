"""The fake that numbers trials anew keeps the promises of a real one."""

from __future__ import annotations

from mesosweep.domain.space import Assignment
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.ports import Backend, Clock
from mesosweep.testing.backend import BackendSuite, a_study, lost, rising
from mesosweep.testing.jobs import LAST_WORDS_S, JobsBackend, JobService


def half_fails(study: Study, number: int, assignment: Assignment) -> Trial:
    if assignment["count_gain"] == 0.5:
        return lost(study, str(number), assignment, "killed by SIGSEGV")
    return rising(study, number, assignment)


class TestJobsBackend(BackendSuite):
    def setup_method(self) -> None:
        self.service = JobService()

    def open_backend(self) -> Backend:
        return JobsBackend(self.service, outcome=half_fails)

    def study(self) -> Study:
        return a_study()

    def clock(self) -> Clock:
        return self.service.clock


def test_a_later_job_numbers_its_trials_from_1_again_in_a_folder_of_its_own() -> None:
    backend = JobsBackend()
    job = backend.submit(backend.prepare(a_study()))
    backend.service.clock.sleep(90)
    backend.cancel(job)

    backend.submit(backend.prepare(a_study()))

    identities = [trial.identity for trial in backend.poll(job).trials]
    assert identities == [(0, "1"), (0, "2"), (0, "3"), (0, "4"), (1, "1"), (1, "2")]
    assert backend.service.jobs[a_study().key][1].study.folder.endswith("stage1_a1")


def test_a_worker_may_put_down_its_record_after_its_job_was_lost() -> None:
    backend = JobsBackend()
    job = backend.submit(backend.prepare(a_study()))
    backend.service.clock.sleep(60 - LAST_WORDS_S / 2)
    backend.service.lose(job.name, "failed", "no machines")

    early = {trial.status for trial in backend.poll(job).trials}
    backend.service.clock.sleep(LAST_WORDS_S)
    late = {trial.status for trial in backend.poll(job).trials}

    assert (early, late) == ({"failed"}, {"finished"})
