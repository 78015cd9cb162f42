"""The rehearsed service as a process, read by Google's own tools, unmodified."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from google.api_core import exceptions
from google.cloud import aiplatform_v1 as v1

from mesosweep.rehearsal.asking import Asking
from mesosweep.rehearsal.clients import grpc_client

pytestmark = pytest.mark.slow
PARENT = "projects/rehearsal/locations/us-central1"


class Server:
    """One process of the service; told where it listens."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mesosweep.rehearsal", f"--folder={folder}", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.where: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.client = grpc_client(self.where["endpoint"])

    def create(self, mode: str = "plain", **how: int) -> v1.HyperparameterTuningJob:
        suite = Asking()
        suite.python = (sys.executable, "-I", "-S")
        return self.client.create_hyperparameter_tuning_job(
            parent=PARENT, hyperparameter_tuning_job=suite.tuning(mode, **how), timeout=60
        )

    def settle(self, name: str) -> v1.HyperparameterTuningJob:
        while True:
            job = self.client.get_hyperparameter_tuning_job(name=name, timeout=60)
            if job.end_time:
                return job

    def events(self) -> list[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def end(self) -> int:
        """Close its stdin; return its exit code."""
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    begun: list[Server] = []

    def serve(*words: str) -> Server:
        begun.append(Server(tmp_path / "rehearsal", *words))
        return begun[-1]

    yield serve
    for server in begun:
        server.process.kill()
        server.process.communicate()


def test_it_ends_with_its_trials_when_its_stdin_closes(serve: Callable[..., Server]) -> None:
    server = serve()
    server.create("hold", trials=40)
    while not any(event["event"] == "started" for event in server.events()):
        pass

    assert server.end() == 0
    with pytest.raises(exceptions.ServiceUnavailable):
        server.client.get_hyperparameter_tuning_job(name="projects/1/locations/l/x/1", timeout=10)


def test_faults_and_switches_come_from_files(serve: Callable[..., Server], tmp_path: Path) -> None:
    faults = {
        "calls": [{"method": "CreateHyperparameterTuningJob", "call": 1, "lost_reply": True}],
        "preemptions": [{"trial": "1", "after_reports": 1}],
    }
    (tmp_path / "faults.json").write_text(json.dumps(faults))
    (tmp_path / "switches.json").write_text(json.dumps({"project_numbers": False}))
    server = serve(
        f"--faults={tmp_path / 'faults.json'}", f"--undocumented={tmp_path / 'switches.json'}"
    )

    with pytest.raises(exceptions.ServiceUnavailable):
        server.create("hold", trials=1)
    (made,) = server.client.list_hyperparameter_tuning_jobs(parent=PARENT, timeout=60)
    job = server.settle(made.name)

    assert made.name.startswith(PARENT)
    assert job.state == v1.JobState.JOB_STATE_SUCCEEDED
    happened = [event["event"] for event in server.events()]
    assert happened == ["fault", "started", "preempted", "started", "ended"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--env", "NAME"], "NAME=VALUE"),
        (["--faults", "/no/such/file"], "/no/such/file"),
        (["--undocumented", "{tmp}/switches.json"], "nummbers"),
    ],
)
def test_what_it_cannot_use_is_one_sentence(words: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "switches.json").write_text('{"nummbers": "64"}')
    told = [word.format(tmp=tmp_path) for word in words]

    done = subprocess.run(
        [sys.executable, "-m", "mesosweep.rehearsal", f"--folder={tmp_path}", *told],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


SDK = """
import sys
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
aiplatform.init(project="rehearsal", location="us-central1", api_transport="rest",
                api_endpoint=sys.argv[1], credentials=AnonymousCredentials())
(job,) = aiplatform.HyperparameterTuningJob.list(filter="state=JOB_STATE_SUCCEEDED")
job = aiplatform.HyperparameterTuningJob.get(job.resource_name)
print(job.display_name, job.state.name, len(job.trials), job.trials[0].state.name)
"""


def test_the_unmodified_sdk_lists_and_gets_our_jobs(serve: Callable[..., Server]) -> None:
    server = serve()
    made = server.settle(server.create(trials=2).name)

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SDK, server.where["rest_endpoint"]],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{made.display_name} JOB_STATE_SUCCEEDED 2 SUCCEEDED"


def test_gcloud_lists_and_describes_our_jobs(serve: Callable[..., Server], tmp_path: Path) -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("the Google Cloud SDK is not installed")
    server = serve()
    made = server.settle(server.create(trials=2).name)

    def ask(*words: str) -> str:
        done = subprocess.run(
            [gcloud, "ai", "hp-tuning-jobs", *words, "--region=us-central1"],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
                "CLOUDSDK_CORE_PROJECT": "rehearsal",
                "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "1",
                "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{server.where['rest_endpoint']}/",
            },
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert made.display_name in ask("list")
    described = ask("describe", made.name.rpartition("/")[2], "--format=json")

    assert [trial["state"] for trial in json.loads(described)["trials"]] == ["SUCCEEDED"] * 2
