"""What machines count as in a project's quota, and what Service Usage says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.domain.errors import SettingsError
from mesosweep.rehearsal.faults import CallFault, FaultScript
from mesosweep.rehearsal.meters import taken_by
from mesosweep.rehearsal.refusal import Refusal
from mesosweep.rehearsal.samples import Cloud, a_run
from mesosweep.rehearsal.scripted import Course, ScriptedRunner
from mesosweep.rehearsal.serving import LocalJobs
from mesosweep.testing.clock import FakeClock

CPUS = "custom_model_training_cpus"


@pytest.mark.parametrize(
    ("machine", "takes"),
    [
        (("n1-standard-8",), {CPUS: 8}),
        (("e2-highmem-4",), {CPUS: 4}),
        (("c2-standard-16",), {"custom_model_training_c2_cpus": 16}),
        (
            ("n1-standard-4", "NVIDIA_TESLA_T4", 2),
            {CPUS: 4, "custom_model_training_nvidia_t4_gpus": 2},
        ),
        (
            ("a2-ultragpu-1g", "NVIDIA_A100_80GB", 1),
            {"custom_model_training_nvidia_a100_80gb_gpus": 1},
        ),
        (("a3-highgpu-8g", "NVIDIA_H100_80GB", 8), {"custom_model_training_nvidia_h100_gpus": 8}),
    ],
)
def test_a_machine_takes_of_the_meter_of_its_family_and_of_its_accelerator(
    machine: tuple[str, str, int], takes: Mapping[str, int]
) -> None:
    assert taken_by(*machine) == takes


def test_spot_machines_have_meters_of_their_own() -> None:
    assert taken_by("n1-standard-4", "NVIDIA_TESLA_T4", 1, is_spot=True) == {
        "custom_model_training_preemptible_cpus": 4,
        "custom_model_training_preemptible_nvidia_t4_gpus": 1,
    }


def test_a_job_is_admitted_while_its_machines_fit_the_meter() -> None:
    cloud = Cloud(script=FaultScript(meters={CPUS: 20}))
    run = a_run(takes={CPUS: 8})
    first = cloud.tune(parallel=2, run=run)

    with pytest.raises(Refusal) as refused:
        cloud.tune(parallel=1, run=run)
    cloud.after(10_000.0, first)
    cloud.tune(parallel=2, run=run)

    assert refused.value.code == "RESOURCE_EXHAUSTED"
    assert CPUS in refused.value.message
    assert "8 asked for, 16 in use, limit 20" in refused.value.violations[0].description


@pytest.mark.parametrize("limit", [-1, 1.5, "8", True])
def test_a_limit_is_a_whole_number(limit: object) -> None:
    with pytest.raises(SettingsError, match="a whole number from 0"):
        FaultScript.read({"meters": {CPUS: limit}})


class TestOverRest:
    """The form of `services.consumerQuotaMetrics.get`."""

    @pytest.fixture
    def jobs(self) -> Iterator[LocalJobs]:
        with LocalJobs(ScriptedRunner(lambda _: Course()), clock=FakeClock(), rest_port=0) as jobs:
            yield jobs

    @staticmethod
    def asked(jobs: LocalJobs, meter: str = CPUS) -> dict[str, object]:
        metric = quote(f"aiplatform.googleapis.com/{meter}", safe="")
        path = f"projects/p/services/aiplatform.googleapis.com/consumerQuotaMetrics/{metric}"
        with urlopen(f"{jobs.rest_endpoint}/v1beta1/{path}") as answer:
            told: dict[str, object] = json.load(answer)
        return told

    @pytest.mark.parametrize(
        ("script", "limit"),
        [
            (FaultScript(), "-1"),
            (FaultScript(meters={CPUS: 16}), "16"),
            (FaultScript(quota=0), "0"),
        ],
    )
    def test_a_meter_is_told_as_text(
        self, jobs: LocalJobs, script: FaultScript, limit: str
    ) -> None:
        jobs.faults.script = script

        told = self.asked(jobs)

        assert told["metric"] == f"aiplatform.googleapis.com/{CPUS}"
        assert told["consumerQuotaLimits"] == [
            {
                "name": f"{told['name']}/limits/%2Fproject%2Fregion",
                "metric": told["metric"],
                "unit": "1/{project}/{region}",
                "quotaBuckets": [{"effectiveLimit": limit, "defaultLimit": limit}],
            }
        ]

    def test_there_is_no_other_meter(self, jobs: LocalJobs) -> None:
        with pytest.raises(HTTPError, match="404"):
            self.asked(jobs, "custom_model_serving_cpus")

    def test_it_may_be_refused(self, jobs: LocalJobs) -> None:
        refused = CallFault("GetConsumerQuotaMetric", "PERMISSION_DENIED", call=1)
        jobs.faults.script = FaultScript(calls=(refused,))

        with pytest.raises(HTTPError, match="403"):
            self.asked(jobs)
