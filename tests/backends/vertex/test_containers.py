"""Whole jobs whose containers are real processes: what an operator sees of images and divergence."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")
pytest.importorskip("hypertune")

from mesosweep.backends.vertex import backend_of
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study, StudySnapshot
from mesosweep.plugins import Registry
from mesosweep.rehearsal.processes import ProcessRunner
from mesosweep.rehearsal.runs import Pace
from mesosweep.rehearsal.serving import LocalJobs
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_sweep
from mesosweep.testing.bucket import ROOT

PLUGIN = Path(__file__).parents[2] / "plugins" / "mesosweep-counting"
PATIENCE_S = 300.0


class RealClock:
    """Takes real time, but never much: processes of this machine are waited for."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.1))


@pytest.fixture
def clock() -> RealClock:
    return RealClock()


@pytest.fixture
def image() -> dict[str, str]:
    """Return what containers have in their environment; a test may change it."""
    return {"PYTHONPATH": os.environ["PYTHONPATH"]}


def plan_of(**flags: Any) -> SweepPlan:
    told = Flags(species="counting", algorithm="count", n_envs=1, timesteps=40, **flags)
    return replace(plan_sweep(told, registry=Registry(), environ={}, cores=1), root=ROOT)


def study_of(plan: SweepPlan, **others: Any) -> Study:
    study = plan.study(plan.stages[0], attempt=0, load=None, fixed={})
    return replace(study, **others)


@pytest.fixture
def settled(
    tmp_path: Path,
    storage: LocalStorage,
    image: dict[str, str],
    bucket: Bucket,
    clock: RealClock,
) -> Iterator[Callable[[SweepPlan, Study], StudySnapshot]]:
    """Send a study and follow its job to the end."""
    mounted = {
        "MESOSWEEP_GCS_ROOT": str(storage.root),
        "STORAGE_EMULATOR_HOST": storage.address,
    }
    runner = ProcessRunner(tmp_path / "runs", env={**mounted, **image})
    jobs = LocalJobs(runner, pace=Pace(), project="my-project")

    def settled(plan: SweepPlan, study: Study) -> StudySnapshot:
        settings = JobSettings("my-project", "host/repo/trainer:1", endpoint=jobs.endpoint)
        backend = backend_of(settings, plan=plan, bucket=bucket, clock=clock)
        job = backend.submit(backend.prepare(study))
        ends = time.monotonic() + PATIENCE_S
        while (snapshot := backend.poll(job)).state == "running":
            assert time.monotonic() < ends, "the containers take too long"
            backend.wait(job, clock)
        return snapshot

    with jobs:
        yield settled


class TestAnImageWithAnotherSpecies:
    @pytest.fixture
    def image(self, tmp_path: Path) -> dict[str, str]:
        """Hold version 2.0 of the animal, where the plan was made with 1.0."""
        path = tmp_path / "image"
        shutil.copytree(PLUGIN, path)
        (old,) = path.glob("*.dist-info")
        text = (old / "METADATA").read_text()
        assert "Version: 1.0" in text
        (old / "METADATA").write_text(text.replace("Version: 1.0", "Version: 2.0"))
        old.rename(path / old.name.replace("1.0", "2.0"))
        return {"PYTHONPATH": str(path)}

    def test_refuses_before_the_first_step_and_the_operator_is_told_in_one_line(
        self, settled: Callable[..., StudySnapshot], storage: LocalStorage
    ) -> None:
        plan = plan_of(trials=2, parallel=2)

        snapshot = settled(plan, study_of(plan))

        assert snapshot.state == "failed"
        assert "planned with counting 1.0, this image has 2.0" in (snapshot.message or "")
        assert "\n" not in (snapshot.message or "")
        folder = storage.root / ROOT.removeprefix("gs://") / "stage1"
        assert not list(folder.glob("*/progress.jsonl"))
        records = [json.loads(path.read_text()) for path in folder.glob("*/metrics.json")]
        assert {(record["status"], record["steps_trained"]) for record in records} == {
            ("failed", 0)
        }


class TestATrialThatDiverges:
    def test_is_no_failed_machine_however_early_it_does(
        self, settled: Callable[..., StudySnapshot], storage: LocalStorage
    ) -> None:
        """All three diverge before their first evaluation; as many failures would end the job."""
        plan = plan_of(trials=3, parallel=3, eval_freq=40, overrides=("count.fault=nan",))

        snapshot = settled(plan, study_of(plan))

        assert snapshot.state == "succeeded"
        assert [(t.status, t.reason) for t in snapshot.trials] == [
            ("diverged", "the loss is nan")
        ] * 3
        assert all(trial.best_mean_reward is None for trial in snapshot.trials)
