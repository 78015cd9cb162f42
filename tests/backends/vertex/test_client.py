"""Google's client behind our door: what is asked, how long it is waited for, what errors become."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from google.api_core import exceptions as api_errors
from google.auth import exceptions as auth_errors

from mesosweep.backends.vertex.client import GoogleJobs, job_client, translated
from mesosweep.backends.vertex.labels import of_study
from mesosweep.backends.vertex.request import Go, build_request
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import (
    BackendError,
    ExtraMissing,
    QuotaExhausted,
    Refused,
    SettingsError,
    Transient,
)
from mesosweep.domain.study import Study
from mesosweep.rehearsal.faults import CallFault, FaultScript
from mesosweep.rehearsal.refusal import CODES

google: Any = api_errors  # neither has types
auth: Any = auth_errors
SETTINGS = JobSettings(project="my-project", image="host/repo/trainer:1")
TRANSIENT = {
    *("RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"),
    *("INTERNAL", "ABORTED", "UNKNOWN", "CANCELLED"),
}


@pytest.fixture
def jobs(cloud: Any) -> GoogleJobs:
    return GoogleJobs(replace(SETTINGS, endpoint=cloud.endpoint))


@pytest.fixture
def request_of(study: Study) -> Callable[[], dict[str, Any]]:
    return lambda: build_request(study, SETTINGS, Go.first(study))


def test_a_job_comes_back_as_it_was_sent(
    jobs: GoogleJobs, request_of: Callable[[], dict[str, Any]]
) -> None:
    asked = request_of()

    created = jobs.create(asked)

    assert created["labels"] == asked["labels"]
    assert created["studySpec"]["metrics"] == asked["studySpec"]["metrics"]
    args = created["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]["args"]
    assert args == asked["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]["args"]
    assert jobs.get(created["name"])["name"] == created["name"]


def test_a_studys_jobs_are_listed_by_its_label(
    jobs: GoogleJobs, study: Study, request_of: Callable[[], dict[str, Any]]
) -> None:
    mine = jobs.create(request_of())
    other = replace(study, key="another-study")
    jobs.create(build_request(other, SETTINGS, Go.first(other)))

    assert [job["name"] for job in jobs.list(of_study(study))] == [mine["name"]]


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_either_worth_another_try_or_not(
    cloud: Any, jobs: GoogleJobs, study: Study, code: Any
) -> None:
    cloud.script = FaultScript(
        calls=(CallFault("ListHyperparameterTuningJobs", code, call=1, message="no\n luck"),)
    )

    with pytest.raises(BackendError) as caught:
        jobs.list(of_study(study))

    assert type(caught.value) is (Transient if code in TRANSIENT else Refused)
    assert str(caught.value) == "listing jobs: no luck"


@pytest.mark.parametrize("code", sorted(TRANSIENT))
def test_only_a_creation_without_quota_surely_began_nothing(
    cloud: Any, jobs: GoogleJobs, request_of: Callable[[], dict[str, Any]], code: Any
) -> None:
    cloud.script = FaultScript(
        calls=(CallFault("CreateHyperparameterTuningJob", code, call=1, message="no luck"),)
    )

    with pytest.raises(Transient, match="submitting the job: no luck") as caught:
        jobs.create(request_of())

    assert type(caught.value) is (QuotaExhausted if code == "RESOURCE_EXHAUSTED" else Transient)


def test_a_server_that_is_not_there_may_come_back(study: Study, cloud: Any) -> None:
    cloud.jobs.close()

    with pytest.raises(Transient, match="listing jobs"):
        GoogleJobs(replace(SETTINGS, endpoint=cloud.endpoint)).list(of_study(study))


def test_an_invalid_request_names_the_field(
    jobs: GoogleJobs, request_of: Callable[[], dict[str, Any]]
) -> None:
    bad = {**request_of(), "maxTrialCount": 0}

    with pytest.raises(Refused, match=r"max_trial_count") as caught:
        jobs.create(bad)

    assert "\n" not in str(caught.value)
    assert "mesosweep plan" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        # Over REST only the parents of gRPC's errors arrive.
        (google.TooManyRequests("quota"), Transient, None),
        (google.GatewayTimeout("late"), Transient, None),
        (google.BadGateway("oops"), Transient, None),
        (google.RetryError("gave up", None), Transient, None),
        (google.Unauthorized("who are you"), Refused, "gcloud auth application-default login"),
        (google.Forbidden("no"), Refused, "roles/aiplatform.user"),
        (google.NotFound("where"), Refused, "--project my-project"),
        (google.Conflict("there is one"), Refused, None),
        (auth.TransportError("no route"), Transient, None),
        (auth.DefaultCredentialsError("none found"), Refused, "gcloud auth"),
        (auth.RefreshError("expired"), Refused, "gcloud auth"),
    ],
)
def test_errors_are_told_apart_by_their_parents(
    error: Exception, kind: type[BackendError], hint: str | None
) -> None:
    with pytest.raises(kind) as caught, translated("asking", project="my-project"):
        raise error

    assert (hint or "") in (caught.value.hint or "")
    assert str(caught.value).startswith("asking: ")


def test_our_own_errors_pass_untouched() -> None:
    with pytest.raises(SettingsError), translated("asking", project="my-project"):
        raise SettingsError("ours")


class _Recorder:
    """Takes every call and its keywords; answers with an empty list of jobs."""

    def __init__(self) -> None:
        self.calls: list[Mapping[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def answer(**given: Any) -> Any:
            from google.cloud.aiplatform_v1.types import HyperparameterTuningJob

            self.calls.append({"method": name, **given})
            return [] if name.startswith("list") else HyperparameterTuningJob()

        return answer


def test_no_call_waits_for_ever(request_of: Callable[[], dict[str, Any]]) -> None:
    jobs, recorder = GoogleJobs(SETTINGS), _Recorder()
    jobs._client = cast("Any", recorder)

    jobs.create(request_of())
    jobs.get("name")
    jobs.list("filter")
    jobs.cancel("name")

    assert len(recorder.calls) == 4
    assert all(0 < call["timeout"] <= 60 for call in recorder.calls)


@pytest.mark.parametrize("endpoint", ["ftp://host", "http://", "https://"])
def test_an_endpoint_names_a_host(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="names no host"):
        job_client(endpoint, location="us-central1")


def test_nothing_is_connected_before_something_is_asked() -> None:
    assert GoogleJobs(replace(SETTINGS, endpoint="http://127.0.0.1:1"))._client is None


def test_without_googles_package_the_extra_is_named(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.aiplatform_v1", None)

    with pytest.raises(ExtraMissing) as caught:
        GoogleJobs(SETTINGS).list(of_study(study))

    assert "mesosweep[vertex]" in (caught.value.hint or "")
