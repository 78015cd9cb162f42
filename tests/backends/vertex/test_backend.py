"""Studies on a rehearsed Vertex AI over loopback gRPC: what the engine and the user's money rely on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, cast

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.domain.errors import BackendError, Refused, Transient
from mesosweep.domain.events import (
    Event,
    RetryScheduled,
    StudyReattached,
    StudySubmitted,
    SweepFinished,
)
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.space import Assignment
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.engine import run
from mesosweep.engine.retry import Retry
from mesosweep.ports import Backend, Clock
from mesosweep.rehearsal.faults import CallFault, FaultScript
from mesosweep.rehearsal.runs import Pace
from mesosweep.rehearsal.scripted import Course
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE, Undocumented
from mesosweep.testing.backend import BackendSuite
from mesosweep.testing.bucket import leave_record
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge
from mesosweep.testing.store import MemoryStore

CREATE = "CreateHyperparameterTuningJob"
GET = "GetHyperparameterTuningJob"
LIST = "ListHyperparameterTuningJobs"

either_way = pytest.mark.parametrize(
    "undocumented", [BELIEVED, OTHERWISE], ids=["believed", "otherwise"]
)


@either_way
class TestVertexBackend(BackendSuite):
    """The promises of every backend, whichever way the service does what is documented nowhere."""

    failing: ClassVar[Assignment] = {"count_gain": 0.5}

    @pytest.fixture(autouse=True)
    def _place(
        self,
        open_cloud: Callable[..., Any],
        open_vertex: Callable[..., Any],
        study: Study,
        clock: FakeClock,
        undocumented: Undocumented,
    ) -> None:
        self.cloud = open_cloud(undocumented=undocumented)
        self._open, self._study, self._clock = open_vertex, study, clock

    def open_backend(self) -> Backend:
        backend: Backend = self._open(self.cloud)
        return backend

    def study(self) -> Study:
        return self._study

    def clock(self) -> Clock:
        return self._clock

    def test_known_points_come_first(self) -> None:
        """They cannot: the service chooses every point. `--enqueue` is refused before it costs."""
        backend = self.open_backend()

        with pytest.raises(Exception, match="--enqueue"):
            backend.prepare(replace(self.study(), enqueued=({"count_gain": 0.75},)))

    def test_a_failed_trial_is_recorded_and_blocks_nobody(self) -> None:
        """The first of the suite's, but that the failing point is the service's own choice."""
        self.cloud.reward = _failing_once()
        backend = self.open_backend()

        snapshot = self.settle(backend, backend.submit(backend.prepare(self.study())))

        failed = [trial for trial in snapshot.trials if trial.status == "failed"]
        assert len(failed) == 1
        assert "told to fail" in (failed[0].reason or "")
        assert len(snapshot.trials) == self.study().trials
        assert snapshot.state == "succeeded"


def _failing_once() -> Callable[[Mapping[str, str]], float | None]:
    seen: list[Mapping[str, str]] = []

    def reward(words: Mapping[str, str]) -> float | None:
        seen.append(words)
        return None if len(seen) == 2 else 1.0

    return reward


def settled(backend: Backend, job: JobRef, clock: Clock) -> StudySnapshot:
    for _ in range(200):
        snapshot = backend.poll(job)
        if snapshot.state != "running":
            return snapshot
        backend.wait(job, clock)
    raise AssertionError("never settled")


def test_a_finished_trial_has_what_its_worker_wrote_and_what_the_service_chose(
    cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
) -> None:
    backend = open_vertex(cloud)

    snapshot = settled(backend, backend.submit(backend.prepare(study)), clock)

    first = snapshot.trials[0]
    assert first.trial_id == "1"
    assert first.origin == "service"
    assert first.panel is not None
    assert first.best_mean_reward == first.assignment["count_gain"]
    assert first.checkpoint is not None
    assert first.checkpoint.uri == f"{study.folder}/1/models/best_model.zip"


def test_while_a_trial_runs_its_progress_is_read_from_the_bucket(
    cloud: Any, open_vertex: Any, study: Study, bucket: Any
) -> None:
    backend = open_vertex(cloud)
    job = backend.submit(backend.prepare(study))
    bucket.write(f"{study.folder}/1/progress.jsonl", b'torn\n{"step": 40, "steps_per_s": 9.0}\n')

    first, second = backend.poll(job).trials

    assert (first.status, first.progress.step) == ("running", 40)
    assert second.progress is None


def test_the_studys_document_lies_in_the_bucket_before_its_trials(
    cloud: Any, open_vertex: Any, study: Study, bucket: Any
) -> None:
    from mesosweep.records.study_file import read_study_file

    backend = open_vertex(cloud)
    backend.prepare(study)
    assert not bucket.objects

    backend.poll(backend.submit(backend.prepare(study)))

    where = f"{study.folder}/study.json"
    read = read_study_file(bucket.objects[where].decode(), where=where)
    assert (read.study, dict(read.declared)) == (study.key, study.space.entries())
    assert f"--study={where}" in cloud.runner.launches[0].argv


def test_what_was_spent_is_the_time_of_machines_in_all_jobs_of_a_study(
    cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
) -> None:
    backend = open_vertex(cloud)
    job = backend.submit(backend.prepare(study))
    clock.sleep(90.0)  # two trials took a minute, two half of one
    backend.cancel(job)
    again = backend.submit(backend.prepare(study))
    settled(backend, again, clock)

    assert backend.machine_s(again) == (2 * 60 + 2 * 30) + 2 * 60


class TestMoneyIsSpentOnce:
    def test_a_lost_reply_is_found_not_sent_again(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        cloud.script = FaultScript(
            calls=(CallFault(CREATE, "DEADLINE_EXCEEDED", lost_reply=True, call=1),)
        )
        backend = open_vertex(cloud)
        with pytest.raises(Transient):
            backend.submit(backend.prepare(study))

        found = backend.find(study)

        assert found is not None
        assert jobs_in(cloud) == 1

    def test_submitting_twice_gives_the_same_job(
        self, cloud: Any, open_vertex: Any, study: Study
    ) -> None:
        backend = open_vertex(cloud)
        first = backend.submit(backend.prepare(study))

        assert open_vertex(cloud).submit(backend.prepare(study)) == first
        assert jobs_in(cloud) == 1

    def test_a_supervisor_killed_after_a_lost_reply_waits_for_a_late_listing(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        cloud.script = FaultScript(
            calls=(CallFault(CREATE, "UNAVAILABLE", lost_reply=True, call=1),),
            late_listing_s=20.0,
        )
        with pytest.raises(Transient):
            open_vertex(cloud).submit(open_vertex(cloud).prepare(study))

        restarted = open_vertex(cloud)
        assert restarted.find(study) is None
        job = restarted.submit(restarted.prepare(study))

        assert jobs_in(cloud) == 1
        assert clock.slept == [30.0]
        assert settled(restarted, job, clock).state == "succeeded"

    def test_a_late_listing_is_waited_for_even_when_trials_have_begun(
        self, cloud: Any, open_vertex: Any, study: Study, bucket: Any
    ) -> None:
        cloud.script = FaultScript(late_listing_s=20.0)
        backend = open_vertex(cloud)
        first = backend.submit(backend.prepare(study))
        bucket.write(f"{study.folder}/1/stage_config.json", b"{}")

        restarted = open_vertex(cloud)

        assert restarted.submit(restarted.prepare(study)) == first
        assert jobs_in(cloud) == 1

    def test_what_was_surely_not_created_is_sent_without_waiting_twice(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        cloud.script = FaultScript(calls=(CallFault(CREATE, "RESOURCE_EXHAUSTED", call=1),))
        backend = open_vertex(cloud)
        with pytest.raises(Transient):
            backend.submit(backend.prepare(study))
        clock.sleep(2.0)  # as the engine does in a rehearsal

        backend.submit(backend.prepare(study))

        assert clock.slept == [2.0]


class TestWhatAJobLeftUndone:
    def test_finished_trials_of_a_cancelled_job_count_and_only_the_rest_is_asked_for(
        self, open_cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        cloud = open_cloud()
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(study))
        clock.sleep(90.0)  # two trials are done, two half-way
        backend.cancel(job)

        restarted = open_vertex(cloud)
        assert restarted.find(study) is None
        again = restarted.submit(restarted.prepare(study))
        snapshot = settled(restarted, again, clock)

        assert again != job
        assert message_of(cloud, again)["maxTrialCount"] == 2
        assert snapshot.state == "succeeded"
        ends = [(t.attempt, t.trial_id, t.status) for t in snapshot.trials]
        assert ends == [
            *[(0, "1", "finished"), (0, "2", "finished")],
            *[(0, "3", "failed"), (0, "4", "failed")],
            *[(1, "1", "finished"), (1, "2", "finished")],
        ]

    def test_another_go_writes_into_a_folder_of_its_own(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock, bucket: Any
    ) -> None:
        backend = open_vertex(cloud)
        settled(backend, backend.submit(backend.prepare(study)), clock)

        more = replace(study, trials=6)
        backend.poll(backend.submit(backend.prepare(more)))

        argv = cloud.runner.launches[-1].argv
        assert "--attempt=1" in argv
        assert f"--output-dir=/gcs/{study.folder[5:]}_a1" in argv
        assert f"{study.folder}_a1/study.json" in bucket.objects

    def test_a_folder_in_which_strangers_trials_lie_is_left_alone(
        self, cloud: Any, open_vertex: Any, study: Study, bucket: Any
    ) -> None:
        bucket.write(f"{study.folder}/1/metrics.json", b"{}")

        backend = open_vertex(cloud)
        backend.poll(backend.submit(backend.prepare(study)))

        assert "--attempt=1" in cloud.runner.launches[0].argv
        assert bucket.objects[f"{study.folder}/1/metrics.json"] == b"{}"

    def test_a_folder_that_another_study_claimed_is_left_alone(
        self, cloud: Any, open_vertex: Any, study: Study, bucket: Any, clock: FakeClock
    ) -> None:
        launched = replace(study, key="a-launch-of-its-own")
        backend = open_vertex(cloud)
        backend.submit(backend.prepare(launched))
        cloud.script = FaultScript(late_listing_s=20.0)  # as if it had just been sent

        backend.poll(backend.submit(backend.prepare(study)))

        assert "--attempt=1" in cloud.runner.launches[-1].argv
        assert clock.slept == []

    def test_a_job_that_is_being_cancelled_is_worth_another_look_later(
        self, open_cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        cloud = open_cloud(undocumented=replace(BELIEVED, cancelling_s=45.0))
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(study))
        jobs_of(cloud).cancel(job.name)

        with pytest.raises(Transient, match="being cancelled"):
            backend.find(study)

        clock.sleep(60.0)
        assert backend.find(study) is None

    def test_a_job_that_wanted_fewer_trials_is_followed_to_its_end_and_says_what_lacks(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(study))
        more = replace(study, trials=6)

        assert backend.find(more) == job
        snapshot = settled(backend, job, clock)

        assert (snapshot.state, len(snapshot.trials)) == ("incomplete", 4)
        assert snapshot.message == "its job was submitted for 4 trials; 2 more are wanted"
        assert backend.find(more) is None

    def test_a_trial_that_ends_while_its_job_is_lost_is_still_counted(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock, bucket: Any
    ) -> None:
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(study))
        jobs_of(cloud).cancel(job.name)
        assert backend.poll(job).state == "running"

        words = {"timesteps": "100", "stage": "1", "attempt": "0"}
        words |= {"species": study.species, "algorithm": study.algorithm}
        leave_record(bucket, f"{study.folder}/2", reward=3.0, words=words)

        snapshot = backend.poll(job)
        assert snapshot.state == "cancelled"
        assert [t.status for t in snapshot.trials] == ["failed", "finished"]


@either_way
class TestAnImageThatCannotStart:
    @pytest.fixture
    def open_broken(
        self, open_cloud: Callable[..., Any], undocumented: Undocumented
    ) -> Callable[..., Any]:
        """Open clouds whose containers fail one after another, in the order of their ids."""

        def open_broken(*, provisioning_s: float, apart_s: float) -> Any:
            cloud = open_cloud(undocumented=undocumented, pace=Pace(provisioning_s=provisioning_s))
            cloud.runner._course_of = lambda launch: Course(
                duration_s=apart_s * int(launch.trial_id), exit_code=127, says="no such program"
            )
            return cloud

        return open_broken

    @pytest.mark.parametrize("parallel", [1, 3])
    def test_costs_exactly_three_trials_where_these_fail_side_by_side_or_in_turn(
        self,
        *,
        open_cloud: Any,
        open_vertex: Any,
        study: Study,
        clock: FakeClock,
        undocumented: Undocumented,
        parallel: int,
    ) -> None:
        cloud = open_cloud(undocumented=undocumented)
        cloud.reward = lambda words: None
        backend = open_vertex(cloud)
        study = replace(study, trials=20, parallel=parallel)

        snapshot = settled(backend, backend.submit(backend.prepare(study)), clock)

        assert snapshot.state == "failed"
        assert [launch.trial_id for launch in cloud.runner.launches] == ["1", "2", "3"]
        assert snapshot.message is not None
        assert "3 trials have failed" in snapshot.message
        assert "told to fail" in snapshot.message

    @pytest.mark.parametrize("parallel", [2, 3, 5])
    def test_costs_at_most_two_more_than_run_side_by_side_where_machines_come_at_once(
        self,
        *,
        open_broken: Any,
        open_vertex: Any,
        study: Study,
        clock: FakeClock,
        parallel: int,
    ) -> None:
        """Two that failed were followed by others before the third failed."""
        cloud = open_broken(provisioning_s=0.0, apart_s=100.0)
        backend = open_vertex(cloud)

        job = backend.submit(backend.prepare(replace(study, trials=20, parallel=parallel)))
        snapshot = settled(backend, job, clock)
        clock.sleep(3_600.0)
        backend.poll(job)

        assert snapshot.state == "failed"
        assert len(cloud.runner.launches) == parallel + 2

    def test_costs_at_most_those_that_run_side_by_side_where_more_do(
        self, open_broken: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        """Those that took the place of the first two are let go before they get a machine."""
        cloud = open_broken(provisioning_s=90.0, apart_s=5.0)
        backend = open_vertex(cloud)

        job = backend.submit(backend.prepare(replace(study, trials=20, parallel=5)))
        snapshot = settled(backend, job, clock)
        seen = len(cloud.runner.launches)
        clock.sleep(3_600.0)
        backend.poll(job)

        assert snapshot.state == "failed"
        assert [launch.trial_id for launch in cloud.runner.launches] == ["1", "2", "3", "4", "5"]
        assert len(cloud.runner.launches) == seen

    def test_that_there_was_nothing_to_run_in_it_is_put_in_words(
        self, open_broken: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        backend = open_vertex(open_broken(provisioning_s=0.0, apart_s=5.0))

        snapshot = settled(backend, backend.submit(backend.prepare(study)), clock)

        assert snapshot.message is not None
        assert snapshot.message.endswith(
            "status of 127. no such program (the image has no mesosweep that starts: "
            "docs/vertex.md tells how to build one)"
        )

    @pytest.mark.parametrize("parallel", [3, 5])
    def test_is_given_up_by_us_where_the_service_does_not(
        self,
        *,
        open_cloud: Any,
        open_vertex: Any,
        study: Study,
        clock: FakeClock,
        undocumented: Undocumented,
        parallel: int,
    ) -> None:
        cloud = open_cloud(undocumented=replace(undocumented, fails_after=None))
        cloud.reward = lambda words: None
        backend = open_vertex(cloud)
        create = backend._jobs.create
        backend._jobs.create = lambda job: create({**job, "maxFailedTrialCount": 0})

        job = backend.submit(backend.prepare(replace(study, trials=20, parallel=parallel)))
        snapshot = settled(backend, job, clock)
        seen = len(cloud.runner.launches)
        clock.sleep(3_600.0)

        assert snapshot.state == "failed"
        assert snapshot.message is not None
        assert snapshot.message.startswith("no trial could start, so the job was cancelled; a tr")
        assert len(cloud.runner.launches) == seen <= 2 * parallel
        assert message_of(cloud, job)["state"] == "JOB_STATE_CANCELLED"


def test_a_job_is_sent_as_the_plan_printed_it_and_runs_as_many_at_a_time_as_asked(
    cloud: Any, open_vertex: Any, study: Study
) -> None:
    """Nobody has seen this image work, and five are wanted at a time: then five it is."""
    sent: list[dict[str, Any]] = []
    backend = open_vertex(cloud)
    create = backend._jobs.create

    def overheard(job: dict[str, Any]) -> Any:
        sent.append(job)
        return create(job)

    backend._jobs.create = overheard
    submission = backend.prepare(replace(study, trials=20, parallel=5))

    job = backend.submit(submission)

    assert sent == [submission.request]
    made = message_of(cloud, job)
    counts = ("maxTrialCount", "parallelTrialCount", "maxFailedTrialCount")
    assert [made[name] for name in counts] == [20, 5, 3]
    assert [submission.request[name] for name in counts] == [20, 5, 3]


class TestWhatTheServiceRemembersAndTheBucketDoesNot:
    def test_a_job_whose_files_were_removed_is_passed_over_and_said_to_be(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock, bucket: Any
    ) -> None:
        backend = open_vertex(cloud)
        old = backend.submit(backend.prepare(study))
        settled(backend, old, clock)
        bucket.objects.clear()

        restarted = open_vertex(cloud)
        assert restarted.find(study) is None
        job = restarted.submit(restarted.prepare(study))
        snapshot = settled(restarted, job, clock)

        assert job.note == f"{old.name} is passed over: what it wrote is not in the bucket any more"
        assert message_of(cloud, job)["maxTrialCount"] == 4
        assert f"{study.folder}_a1/study.json" in bucket.objects
        assert [(t.attempt, t.status) for t in snapshot.trials] == [(1, "finished")] * 4

    def test_a_job_whose_files_are_there_is_taken_whoever_lost_the_state(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        backend = open_vertex(cloud)
        old = backend.submit(backend.prepare(study))
        settled(backend, old, clock)

        assert open_vertex(cloud).find(study) == old

    def test_a_job_at_work_is_followed_and_its_document_put_back(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock, bucket: Any
    ) -> None:
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(study))
        document = f"{study.folder}/study.json"
        del bucket.objects[document]

        restarted = open_vertex(cloud)

        assert restarted.find(study) == job
        assert document in bucket.objects
        assert settled(restarted, job, clock).state == "succeeded"

    def test_a_job_of_an_earlier_attempt_that_still_works_is_told_of(
        self, cloud: Any, open_vertex: Any, study: Study
    ) -> None:
        backend = open_vertex(cloud)
        old = backend.submit(backend.prepare(study))
        anew = replace(study, key=f"{study.key[:-1]}1", attempt=1, folder=f"{study.folder}_a1")

        job = backend.submit(backend.prepare(anew))

        assert f"{old.name} works on this stage, too" in (job.note or "")
        assert f"mesosweep jobs cancel {old.name}" in (job.note or "")


class TestCancelling:
    @either_way
    def test_waits_for_the_confirmed_end(
        self,
        open_cloud: Any,
        open_vertex: Any,
        study: Study,
        clock: FakeClock,
        undocumented: Undocumented,
    ) -> None:
        cloud = open_cloud(undocumented=undocumented)
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(study))

        backend.cancel(job)
        backend.cancel(job)

        assert message_of(cloud, job)["state"] == "JOB_STATE_CANCELLED"
        assert sum(clock.slept) == pytest.approx(undocumented.cancelling_s, abs=10.0)

    def test_asks_again_when_the_service_does_not_answer(
        self, cloud: Any, open_vertex: Any, study: Study, clock: FakeClock
    ) -> None:
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(replace(study, trials=20)))
        cloud.script = FaultScript(
            calls=(CallFault("CancelHyperparameterTuningJob", call=1, times=2),)
        )

        backend.cancel(job)

        assert clock.slept[:2] == [60.0, 180.0]
        assert message_of(cloud, job)["state"] == "JOB_STATE_CANCELLED"

    def test_gives_up_after_half_an_hour_and_names_the_job(
        self, open_cloud: Any, open_vertex: Any, study: Study
    ) -> None:
        cloud = open_cloud(undocumented=replace(BELIEVED, cancelling_s=10_000.0))
        backend = open_vertex(cloud)
        job = backend.submit(backend.prepare(study))

        with pytest.raises(BackendError, match="30 min after it was cancelled") as caught:
            backend.cancel(job)

        assert job.url is None  # a rehearsed job is watched nowhere
        assert job.name in (caught.value.hint or "")


class TestUnderTheEngine:
    def test_a_curriculum_is_walked_from_winner_to_winner(
        self, cloud: Any, open_vertex: Any, plan: SweepPlan, clock: FakeClock
    ) -> None:
        events = list(walk(plan, open_vertex(cloud), clock))

        assert isinstance(events[-1], SweepFinished)
        second = cloud.runner.launches[3].argv
        winner = events[-1].state.stages[0].winner
        assert winner is not None
        assert f"--load=/gcs/{winner.checkpoint.uri.removeprefix('gs://')}" in second

    def test_a_submission_is_tried_four_times_looking_the_job_up_before_each(
        self, cloud: Any, open_vertex: Any, plan: SweepPlan, clock: FakeClock
    ) -> None:
        cloud.script = FaultScript(calls=(CallFault(CREATE, "UNAVAILABLE", call=1, times=4),))

        with pytest.raises(BackendError, match=r"tried 4 times") as caught:
            list(walk(plan, open_vertex(cloud), clock))

        assert caught.value.exit_code == 4
        assert "same command" in (caught.value.hint or "")
        assert clock.slept == [60.0, 180.0, 300.0]

    def test_a_permanent_error_is_told_at_once(
        self, cloud: Any, open_vertex: Any, plan: SweepPlan, clock: FakeClock
    ) -> None:
        cloud.script = FaultScript(calls=(CallFault(CREATE, "PERMISSION_DENIED", call=1),))

        with pytest.raises(Refused, match="submitting the job"):
            list(walk(plan, open_vertex(cloud), clock))

        assert clock.slept == []

    def test_killed_after_any_event_it_goes_on_and_submits_nothing_twice(
        self, open_cloud: Any, open_vertex: Any, plan: SweepPlan, clock: FakeClock
    ) -> None:
        script = FaultScript(
            calls=(CallFault(CREATE, "UNAVAILABLE", lost_reply=True, call=1),),
            late_listing_s=5.0,
        )
        cloud = open_cloud(script=script)
        store, judge, told = MemoryStore(), FakeJudge(), []
        for lives in range(1, 100):
            # A new process each time; it dies right after its last event.
            walking = run(plan, backend=open_vertex(cloud), store=store, judge=judge, clock=clock)
            for event, _ in zip(walking, range(lives), strict=False):
                told.append(event)
            if isinstance(told[-1], SweepFinished):
                break

        assert isinstance(told[-1], SweepFinished)
        assert jobs_in(cloud) == 3
        assert len(cloud.runner.launches) == 9

    @pytest.mark.parametrize("seed", range(8))
    def test_whatever_goes_wrong_no_study_gets_a_second_job_and_no_trial_is_lost(
        self,
        open_cloud: Any,
        open_vertex: Any,
        plan: SweepPlan,
        clock: FakeClock,
        seed: int,
    ) -> None:
        chance = random.Random(seed)
        cloud = open_cloud(
            script=FaultScript(
                seed=seed,
                calls=(
                    CallFault(CREATE, "DEADLINE_EXCEEDED", lost_reply=True, probability=0.4),
                    CallFault(CREATE, "RESOURCE_EXHAUSTED", probability=0.2),
                    CallFault("*", "UNAVAILABLE", probability=0.1),
                ),
                late_listing_s=chance.choice((0.0, 5.0, 25.0)),
            ),
            undocumented=chance.choice((BELIEVED, OTHERWISE)),
            seed=seed,
        )
        store, judge, last = MemoryStore(), FakeJudge(), cast("Event | None", None)
        for _ in range(300):
            walking = run(plan, backend=open_vertex(cloud), store=store, judge=judge, clock=clock)
            # What it raises, the user answers by running the same command again.
            with suppress(BackendError):
                for event, _ in zip(walking, range(chance.randint(1, 25)), strict=False):
                    last = event
            if isinstance(last, SweepFinished):
                break

        assert isinstance(last, SweepFinished)
        assert jobs_in(cloud) == 3
        for stage in last.state.stages:
            ends = [(t.trial_id, t.status) for t in stage.trials]
            assert ends == [("1", "finished"), ("2", "finished"), ("3", "finished")]

    def test_trials_that_are_wanted_while_a_job_runs_are_asked_for_in_the_same_run(
        self, cloud: Any, open_vertex: Any, plan: SweepPlan, clock: FakeClock
    ) -> None:
        few = replace(plan, stages=plan.stages[:1])
        more = replace(few, stages=(replace(few.stages[0], trials=5),))
        store = MemoryStore()
        first = run(few, backend=open_vertex(cloud), store=store, judge=FakeJudge(), clock=clock)
        for event in first:
            if isinstance(event, StudySubmitted):
                break

        events = list(
            run(more, backend=open_vertex(cloud), store=store, judge=FakeJudge(), clock=clock)
        )

        assert isinstance(events[-1], SweepFinished)
        ends = [(t.attempt, t.trial_id, t.status) for t in events[-1].state.stages[0].trials]
        assert ends == [
            *((0, number, "finished") for number in "123"),
            *((1, number, "finished") for number in "12"),
        ]
        assert jobs_in(cloud) == 2

    def test_in_a_rehearsal_a_late_listing_is_waited_for_as_long_as_it_takes(
        self, cloud: Any, bucket: Any, plan: SweepPlan, clock: FakeClock
    ) -> None:
        """There looks and retries follow each other thirty times faster, and listings do not."""
        from mesosweep.backends.vertex import backend_of
        from mesosweep.backends.vertex.settings import JobSettings

        cloud.script = FaultScript(
            calls=(CallFault(CREATE, lost_reply=True, call=1),), late_listing_s=5.0
        )
        settings = JobSettings(
            project="my-project", image="host/repo/trainer:1", endpoint=cloud.endpoint
        )
        backend = backend_of(settings, plan=plan, bucket=bucket, clock=clock, hurry=30.0)
        retry = Retry(tuple(delay / 30.0 for delay in Retry().delays_s))

        *_, last = run(
            plan, backend=backend, store=MemoryStore(), judge=FakeJudge(), clock=clock, retry=retry
        )

        assert isinstance(last, SweepFinished)
        assert jobs_in(cloud) == 3

    def test_a_lost_reply_is_retried_and_reattached(
        self, cloud: Any, open_vertex: Any, plan: SweepPlan, clock: FakeClock
    ) -> None:
        cloud.script = FaultScript(
            calls=(CallFault(CREATE, "DEADLINE_EXCEEDED", lost_reply=True, call=1),)
        )

        events = list(walk(plan, open_vertex(cloud), clock))

        kinds = [type(e) for e in events if not isinstance(e, StudySubmitted)]
        assert kinds.index(RetryScheduled) < kinds.index(StudyReattached)
        assert jobs_in(cloud) == 3


def walk(plan: SweepPlan, backend: Backend, clock: Clock) -> Any:
    return run(plan, backend=backend, store=MemoryStore(), judge=FakeJudge(), clock=clock)


def jobs_of(cloud: Any) -> Any:
    from mesosweep.backends.vertex.client import GoogleJobs
    from mesosweep.backends.vertex.settings import JobSettings

    settings = JobSettings(project="my-project", image="host/repo/trainer:1")
    return GoogleJobs(replace(settings, endpoint=cloud.endpoint))


def jobs_in(cloud: Any) -> int:
    from mesosweep.backends.vertex.labels import EVERY

    cloud.script = replace(cloud.script, late_listing_s=0.0, calls=())
    return len(jobs_of(cloud).list(EVERY))


def message_of(cloud: Any, job: JobRef) -> dict[str, Any]:
    message: dict[str, Any] = jobs_of(cloud).get(job.name)
    return message
