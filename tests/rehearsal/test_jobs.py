"""The jobs of one cloud: who finds them, when, and who may begin one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from mesosweep.rehearsal.faults import FaultScript
from mesosweep.rehearsal.jobs import Job
from mesosweep.rehearsal.names import number_of
from mesosweep.rehearsal.orders import JobState
from mesosweep.rehearsal.refusal import Refusal
from mesosweep.rehearsal.samples import PARENT, Cloud
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE

TUNING: Final = "hyperparameterTuningJobs"


def listed(cloud: Cloud, filter_: str = "") -> list[str]:
    return [job.name for job in cloud.jobs.listed(PARENT, TUNING, filter_)]


def test_jobs_are_listed_newest_first() -> None:
    cloud = Cloud()
    first, second = cloud.tune(), cloud.tune()

    assert listed(cloud) == [second.name, first.name]


def test_a_created_job_is_got_at_once_and_listed_late() -> None:
    cloud = Cloud(script=FaultScript(late_listing_s=5.0))
    job = cloud.tune()

    assert cloud.jobs.get(job.name, TUNING) == job
    cloud.clock.sleep(4.9)
    assert listed(cloud) == []
    cloud.clock.sleep(0.1)
    assert listed(cloud) == [job.name]


def test_jobs_are_kept_apart_by_project_location_and_kind() -> None:
    cloud = Cloud()
    cloud.tune()
    cloud.custom()

    assert len(listed(cloud)) == 1
    assert len(cloud.jobs.listed(PARENT, "customJobs", "")) == 1
    assert not cloud.jobs.listed("projects/p/locations/elsewhere", TUNING, "")
    assert not cloud.jobs.listed("projects/q/locations/l", TUNING, "")


def test_a_project_may_be_named_by_its_number() -> None:
    cloud = Cloud()
    job = cloud.tune()
    by_id = job.name.replace(f"projects/{number_of('p')}/", "projects/p/")

    assert by_id != job.name
    assert cloud.jobs.get(by_id, TUNING) == cloud.jobs.get(job.name, TUNING)


def test_names_may_hold_the_projects_id_too() -> None:
    cloud = Cloud(undocumented=replace(BELIEVED, project_numbers=False))

    assert cloud.tune().name.startswith(f"{PARENT}/{TUNING}/")


def test_a_trials_own_custom_job_is_got_and_not_listed() -> None:
    cloud = Cloud()
    (trial, *_) = cloud.after(100.0, cloud.tune()).trials

    job = cloud.jobs.get(f"{PARENT}/customJobs/{trial.run.run_id}", "customJobs")

    assert job.work is trial.run
    assert cloud.jobs.listed(PARENT, "customJobs", "") == []


def refusal_of(cloud: Cloud, **how: int) -> Refusal:
    with pytest.raises(Refusal) as refused:
        cloud.tune(**how)  # type: ignore[arg-type]  # a test names real arguments
    return refused.value


def test_a_quota_admits_so_many_trials_side_by_side() -> None:
    cloud = Cloud(script=FaultScript(quota=5))
    first = cloud.tune(parallel=4)

    refused = refusal_of(cloud, parallel=2)
    cloud.tune(parallel=1, trials=1)
    cloud.after(10_000.0, first)
    cloud.tune(parallel=5)

    assert refused.code == "RESOURCE_EXHAUSTED"
    assert "4 in use, limit 5" in refused.violations[0].description


def test_a_quota_of_nothing_admits_nothing() -> None:
    assert refusal_of(Cloud(script=FaultScript(quota=0))).code == "RESOURCE_EXHAUSTED"


def test_another_project_is_not_permitted() -> None:
    assert refusal_of(Cloud(project="mine")).code == "PERMISSION_DENIED"
    assert Cloud(project="p").tune().name


def test_cancelling_what_has_ended_changes_nothing_and_may_be_refused() -> None:
    quiet, strict = (Cloud(undocumented=rules) for rules in (BELIEVED, OTHERWISE))
    ended, other = quiet.tune(), strict.tune()
    quiet.after(10_000.0, ended)
    strict.after(10_000.0, other)

    quiet.jobs.cancel(ended.name, TUNING)
    with pytest.raises(Refusal, match="has ended") as refused:
        strict.jobs.cancel(other.name, TUNING)

    assert refused.value.code == "FAILED_PRECONDITION"
    assert quiet.after(10.0, ended).state is JobState.SUCCEEDED
    assert strict.after(10.0, other).state is JobState.SUCCEEDED


def test_cancelling_twice_is_cancelling_once() -> None:
    cloud = Cloud(undocumented=replace(BELIEVED, cancelling_s=30.0))
    job = cloud.tune()
    cloud.after(10.0, job)

    cloud.jobs.cancel(job.name, TUNING)
    cloud.clock.sleep(20.0)
    cloud.jobs.cancel(job.name, TUNING)

    assert cloud.seconds(cloud.after(100.0, job).end_time) == 40.0


def test_a_custom_job_is_cancelled() -> None:
    cloud = Cloud()
    job = cloud.custom()

    cloud.run_after(10.0, job)
    cloud.jobs.cancel(job.name, "customJobs")

    assert cloud.run_after(0.0, job).state is JobState.CANCELLED


def test_only_what_has_ended_is_deleted() -> None:
    cloud = Cloud()
    job: Job = cloud.tune()

    with pytest.raises(Refusal, match="before it has ended"):
        cloud.jobs.delete(job.name, TUNING)
    cloud.after(10_000.0, job)
    cloud.jobs.delete(job.name, TUNING)

    assert listed(cloud) == []


@pytest.mark.parametrize(
    "name",
    ["", "jobs/1", f"{PARENT}/customJobs/1", f"{PARENT}/{TUNING}/1/trials/1"],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        Cloud().jobs.get(name, TUNING)

    assert refused.value.code == "INVALID_ARGUMENT"


def test_two_clouds_of_one_seed_name_and_search_alike() -> None:
    def ran() -> list[tuple[str, object]]:
        cloud = Cloud()
        job = cloud.tune()
        return [(job.name, trial.chosen) for trial in cloud.after(1_000.0, job).trials]

    assert ran() == ran()
