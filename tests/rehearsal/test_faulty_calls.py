"""Errors as clients meet them: over gRPC and over REST, before the work and after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1

from mesosweep.domain.errors import SettingsError
from mesosweep.rehearsal.asking import Asking
from mesosweep.rehearsal.clients import grpc_client, rest_client
from mesosweep.rehearsal.faults import CallFault, FaultScript
from mesosweep.rehearsal.program import course_of
from mesosweep.rehearsal.refusal import CODES, Code
from mesosweep.rehearsal.rest_server import HTTP_STATUS
from mesosweep.rehearsal.scripted import ScriptedRunner
from mesosweep.rehearsal.service import METHODS
from mesosweep.rehearsal.serving import LocalJobs
from mesosweep.testing.clock import FakeClock

PARENT = "projects/rehearsal/locations/us-central1"


@pytest.fixture
def jobs() -> Iterator[LocalJobs]:
    with LocalJobs(ScriptedRunner(course_of), clock=FakeClock(), rest_port=0) as jobs:
        yield jobs


@pytest.fixture(params=["gRPC", "REST"])
def client(request: pytest.FixtureRequest, jobs: LocalJobs) -> v1.JobServiceClient:
    if request.param == "gRPC":
        return grpc_client(jobs.endpoint)
    assert jobs.rest_endpoint is not None
    return rest_client(jobs.rest_endpoint)


def found(client: v1.JobServiceClient) -> list[v1.HyperparameterTuningJob]:
    return list(client.list_hyperparameter_tuning_jobs(parent=PARENT, timeout=60))


def create(client: v1.JobServiceClient) -> v1.HyperparameterTuningJob:
    job = Asking().tuning()
    return client.create_hyperparameter_tuning_job(
        parent=PARENT, hyperparameter_tuning_job=job, timeout=60
    )


# Over REST a client answers UNAUTHENTICATED by renewing its credentials, and asks again.
@pytest.mark.parametrize("code", [code for code in CODES if code != "UNAUTHENTICATED"])
def test_every_code_can_be_met(client: v1.JobServiceClient, jobs: LocalJobs, code: Code) -> None:
    jobs.faults.script = FaultScript(calls=(CallFault("List*", code=code, call=1, message="alas"),))

    with pytest.raises(exceptions.GoogleAPICallError) as met:
        found(client)

    # Google's library gives UNKNOWN and DATA_LOSS no HTTP status over gRPC.
    assert met.value.code in (HTTP_STATUS.get(code, 500), None)
    assert "alas" in met.value.message
    assert met.value.reason == code
    assert found(client) == []


def test_a_lost_reply_is_an_error_and_the_work_is_done(
    client: v1.JobServiceClient, jobs: LocalJobs
) -> None:
    fault = CallFault("CreateHyperparameterTuningJob", lost_reply=True, call=1)
    jobs.faults.script = FaultScript(calls=(fault,))

    with pytest.raises(exceptions.ServiceUnavailable):
        create(client)

    assert len(found(client)) == 1


def test_an_error_before_the_work_does_nothing(
    client: v1.JobServiceClient, jobs: LocalJobs
) -> None:
    jobs.faults.script = FaultScript(calls=(CallFault("Create*", code="ABORTED", call=1),))

    with pytest.raises(exceptions.Conflict):
        create(client)

    assert found(client) == []


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_lose_its_reply(
    client: v1.JobServiceClient, jobs: LocalJobs, method: str
) -> None:
    kind = "customJobs" if "Custom" in method else "hyperparameterTuningJobs"
    jobs.faults.script = FaultScript(calls=(CallFault(method, lost_reply=True, call=1),))
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in method).removeprefix("_")
    request = METHODS[method].request(
        **({"parent": PARENT} if METHODS[method].on_collection else {"name": f"{PARENT}/{kind}/1"})
    )

    with pytest.raises(exceptions.ServiceUnavailable):
        getattr(client, snake)(request=request, timeout=60)

    assert jobs.faults.met == [(method, 1, jobs.faults.script.calls[0])]


def test_a_used_up_quota_says_which(client: v1.JobServiceClient, jobs: LocalJobs) -> None:
    jobs.faults.script = FaultScript(quota=0)

    with pytest.raises(exceptions.TooManyRequests) as met:
        create(client)

    assert "custom_model_training" in str(met.value.details)


def test_a_bad_request_says_which_field(client: v1.JobServiceClient) -> None:
    job = Asking().tuning()
    job.parallel_trial_count = 0

    with pytest.raises(exceptions.BadRequest) as met:
        client.create_hyperparameter_tuning_job(
            parent=PARENT, hyperparameter_tuning_job=job, timeout=60
        )

    assert "parallel_trial_count" in str(met.value.details)


def test_a_fault_of_a_method_that_there_is_not_is_refused() -> None:
    script = FaultScript(calls=(CallFault("CreateTuningJob", call=1),))

    with pytest.raises(SettingsError, match="CreateTuningJob"):
        LocalJobs(ScriptedRunner(course_of), clock=FakeClock(), script=script)


def test_a_port_that_is_taken_is_refused(jobs: LocalJobs) -> None:
    taken = int(jobs.endpoint.rpartition(":")[2])

    with pytest.raises(OSError, match=str(taken)):
        LocalJobs(ScriptedRunner(course_of), clock=FakeClock(), port=taken)


def test_a_read_mask_leaves_the_rest_out(client: v1.JobServiceClient) -> None:
    made = create(client)
    request = v1.ListHyperparameterTuningJobsRequest(parent=PARENT, read_mask="name,state")

    (listed,) = client.list_hyperparameter_tuning_jobs(request=request, timeout=60)

    assert listed.name == made.name
    assert not listed.display_name
