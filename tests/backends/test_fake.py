"""The fake backend keeps the promises of a real one, and breaks them on request."""

from __future__ import annotations

import pytest

from mesosweep.domain.errors import Transient
from mesosweep.domain.space import Assignment
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.ports import Backend, Clock
from mesosweep.testing.backend import (
    BackendSuite,
    FakeBackend,
    FakeService,
    a_study,
    lost,
    rising,
)


def half_fails(study: Study, number: int, assignment: Assignment) -> Trial:
    if assignment["count_gain"] == 0.5:
        return lost(study, str(number), assignment, "killed by SIGSEGV")
    return rising(study, number, assignment)


class TestFakeBackend(BackendSuite):
    def setup_method(self) -> None:
        self.service = FakeService()

    def open_backend(self) -> Backend:
        return FakeBackend(self.service, outcome=half_fails)

    def study(self) -> Study:
        return a_study()

    def clock(self) -> Clock:
        return self.service.clock


def test_a_lost_reply_leaves_the_study_submitted() -> None:
    backend = FakeBackend()
    backend.lose_reply("submit")

    with pytest.raises(Transient):
        backend.submit(backend.prepare(a_study()))

    assert backend.find(a_study()) is not None
    assert backend.service.submitted == [a_study().key]


def test_an_unavailable_service_does_nothing() -> None:
    backend = FakeBackend()
    backend.fail_next("submit", times=2)

    for _ in range(2):
        with pytest.raises(Transient):
            backend.submit(backend.prepare(a_study()))

    assert backend.find(a_study()) is None
    assert backend.service.submitted == []


def test_a_job_may_fail_as_a_whole() -> None:
    backend = FakeBackend(job_error={a_study().key: "quota exceeded"})

    snapshot = backend.poll(backend.submit(backend.prepare(a_study())))

    assert (snapshot.state, snapshot.message) == ("failed", "quota exceeded")


def test_what_a_cancelled_job_had_finished_is_kept_by_the_next() -> None:
    service = FakeService()
    first = FakeBackend(service, trial_s=60)
    job = first.submit(first.prepare(a_study()))
    service.clock.sleep(90)
    first.cancel(job)

    second = FakeBackend(service, trial_s=60)
    assert second.find(a_study()) is None
    second.submit(second.prepare(a_study()))

    ended = [t.trial_id for t in second.poll(job).trials if t.has_ended]
    assert ended == ["0", "1"]
