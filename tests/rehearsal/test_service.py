"""The rehearsed JobService is what clients rely on: over gRPC and REST, in virtual and real time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.rehearsal.clients import grpc_client, rest_client
from mesosweep.rehearsal.processes import ProcessRunner
from mesosweep.rehearsal.program import course_of
from mesosweep.rehearsal.scripted import ScriptedRunner
from mesosweep.rehearsal.serving import LocalJobs
from mesosweep.rehearsal.suite import JobServiceSuite
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE, Undocumented
from mesosweep.testing.clock import FakeClock


class _InVirtualTime(JobServiceSuite):
    parent = "projects/rehearsal/locations/us-central1"
    undocumented: Undocumented = BELIEVED

    @pytest.fixture(autouse=True)
    def _service(self) -> Iterator[None]:
        self.clock = FakeClock()
        with LocalJobs(
            ScriptedRunner(course_of),
            clock=self.clock,
            undocumented=self.undocumented,
            rest_port=0,
        ) as jobs:
            self.connect(jobs)
            yield

    def connect(self, jobs: LocalJobs) -> None:
        self.client = grpc_client(jobs.endpoint)

    def wait(self) -> None:
        self.clock.sleep(5.0)


class TestOverGrpc(_InVirtualTime):
    """As we believe the real service to be."""


class TestOtherwise(_InVirtualTime):
    """Everything that is documented nowhere is the other way round."""

    undocumented = OTHERWISE


class TestOverRest(_InVirtualTime):
    def connect(self, jobs: LocalJobs) -> None:
        assert jobs.rest_endpoint is not None
        self.client = rest_client(jobs.rest_endpoint)


@pytest.mark.slow
class TestRealProcesses(JobServiceSuite):
    parent = "projects/rehearsal/locations/us-central1"
    python = (sys.executable, "-I", "-S")

    @pytest.fixture(autouse=True)
    def _service(self, tmp_path: Path) -> Iterator[None]:
        with LocalJobs(ProcessRunner(tmp_path)) as jobs:
            self.jobs = jobs
            self.client = grpc_client(jobs.endpoint)
            yield

    def wait(self) -> None:
        # Real processes take real time; the service looks at them when it is asked to.
        time.sleep(0.02)
        self.jobs.service.advance()
