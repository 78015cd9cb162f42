"""The job on file is one that `gcloud` itself reads and sends, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.backends.vertex.client import GoogleJobs
from mesosweep.backends.vertex.labels import EVERY
from mesosweep.backends.vertex.settings import JobSettings

GOLDEN = Path(__file__).parents[2] / "golden" / "vertex"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="the Google Cloud SDK is not installed")
def test_gcloud_sends_the_job_on_file(open_cloud: Callable[..., Any], tmp_path: Path) -> None:
    cloud = open_cloud(rest_port=0)
    cloud.reward = lambda words: 1.0
    file = GOLDEN / "everything.yaml"
    command = file.read_text().splitlines()[0].removeprefix("# ").split()
    settings = {
        "CLOUDSDK_CONFIG": str(tmp_path),
        "CLOUDSDK_CORE_PROJECT": "my-project",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "1",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{cloud.rest_endpoint}/",
    }

    done = subprocess.run(
        [word.replace("--config=FILE", f"--config={file}") for word in command],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    there = JobSettings(
        project="my-project",
        image="host/repo/trainer:1",
        location="europe-west4",
        endpoint=cloud.endpoint,
    )
    (job,) = GoogleJobs(there).list(EVERY)
    assert job["labels"]["mesosweep_stage"] == "2"
    assert job["trialJobSpec"]["scheduling"]["strategy"] == "SPOT"
    assert len(job["studySpec"]["parameters"]) == 11
