"""A container's own command, as a job on Vertex AI would run it, beside a rehearsed bucket."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.storage")
pytest.importorskip("hypertune")

from mesosweep import __version__
from mesosweep.backends.vertex.recorded import as_recorded
from mesosweep.backends.vertex.request import Go, arguments, study_uri
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.plugins import Registry
from mesosweep.records.bundle import open_bundle
from mesosweep.records.study_file import StudyFile, written
from mesosweep.rehearsal.environment import argv_of, environment_of
from mesosweep.rehearsal.orders import Container, RunOrder
from mesosweep.rehearsal.processes import ProcessRunner
from mesosweep.rehearsal.running import Exit, Launch
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.undocumented import BELIEVED, OTHERWISE, Undocumented
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_sweep
from mesosweep.stores import reach
from mesosweep.stores.gcs_objects import Objects
from mesosweep.testing.clock import FakeClock
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import run_trial

pytestmark = pytest.mark.slow

ROOT = "gs://a-bucket/sweeps/counting/count"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_S = 300.0
SECONDS = 5.0
"""So long the trial takes at the least: it is to be taken away in the middle."""


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStorage]:
    with LocalStorage(tmp_path / "cloud") as served:
        served.make_bucket("a-bucket")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.address)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield served


@pytest.fixture
def objects(storage: LocalStorage) -> Objects:
    return Objects(clock=FakeClock())


@pytest.fixture
def plan() -> SweepPlan:
    flags = Flags(
        species="counting",
        algorithm="count",
        trials=3,
        timesteps=200,
        eval_freq=50,
        save_freq=20,
        overrides=(f"count.seconds={SECONDS}", "count.stride=5"),
    )
    return replace(plan_sweep(flags, registry=Registry(), environ={}, cores=1), root=ROOT)


@pytest.fixture
def submitted(study: Study, file: StudyFile, objects: Objects) -> Study:
    """Return the study, its document in the bucket."""
    objects.write(study_uri(Go.first(study)), written(file).encode())
    return study


@pytest.fixture
def there(storage: LocalStorage) -> Path:
    """Return trial 3's folder as the bucket has it."""
    return storage.root / "a-bucket/sweeps/counting/count/stage1/3"


@pytest.fixture
def runner(tmp_path: Path, storage: LocalStorage) -> Iterator[ProcessRunner]:
    mounts = {"MESOSWEEP_GCS_ROOT": str(storage.root)}
    runner = ProcessRunner(tmp_path / "runs", env=mounts)
    yield runner
    runner.close()


def launch(study: Study, *, undocumented: Undocumented = BELIEVED) -> Launch:
    """Return what a job of the study starts as its trial 3."""
    go = Go.first(study)
    container = Container("an-image", ("mesosweep",), arguments(study, go))
    order = RunOrder(container, base_output=go.folder)
    argv = argv_of(
        container, {"count_gain": 0.8}, entry_point=("mesosweep",), undocumented=undocumented
    )
    env = environment_of(order, run_id="77", trial_id="3")
    return Launch("77", "3", argv, env, ("best_mean_reward",))


def until(holds: Callable[[], object]) -> None:
    """Wait for another process, which no clock of ours moves on."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "the process takes too long"
        time.sleep(0.05)


def ended(runner: ProcessRunner) -> Exit:
    until(lambda: runner.look("77", now=NOW).exit)
    found = runner.look("77", now=NOW).exit
    assert found is not None
    return found


def test_a_trial_whose_machine_is_taken_away_ends_as_if_it_never_was(
    submitted: Study, objects: Objects, runner: ProcessRunner, there: Path, tmp_path: Path
) -> None:
    study = submitted
    runner.start(launch(study), now=NOW)
    until(lambda: list(there.glob("checkpoint/*/manifest.json")))
    runner.kill("77", now=NOW)
    assert ended(runner).code < 0
    assert not (there / "metrics.json").exists()
    # The restarted container may be given its parameters in the other spelling, too.
    runner.start(launch(study, undocumented=OTHERWISE), now=NOW)
    end = ended(runner)

    trial = as_recorded(Trial("3", 0, "running", {"count_gain": 0.8}), Go.first(study), objects)
    expected = run_trial(
        TrialRequest(
            species="counting",
            algorithm="count",
            stage=1,
            timesteps=200,
            eval_freq=50,
            overrides=("count.seconds=0", "count.stride=5"),
            injected={"count_gain": "0.8"},
            output_dir=tmp_path / "local",
            trial_id="3",
        )
    )
    assert end == Exit(0), end
    assert (trial.status, trial.steps_trained, trial.seed) == ("finished", 200, expected.seed)
    assert (trial.panel, trial.best_mean_reward) == (expected.panel, expected.best_mean_reward)
    assert "Going on from step " in (there / "worker.log").read_text()
    last = runner.look("77", now=NOW).reports[-1]
    assert (last.step, last.metrics["best_mean_reward"]) == (200, trial.best_mean_reward)
    assert trial.checkpoint is not None
    assert expected.checkpoint is not None
    assert "MESOSWEEP_GCS_ROOT" not in os.environ
    brought = open_bundle(reach.bundle(trial.checkpoint.uri, clock=FakeClock()))
    assert brought.parts == open_bundle(Path(expected.checkpoint.uri)).parts


def test_an_image_with_another_version_refuses_before_the_first_step(
    study: Study, file: StudyFile, objects: Objects, runner: ProcessRunner
) -> None:
    other = replace(file, installed=replace(file.installed, core="0.0.1"))
    objects.write(study_uri(Go.first(study)), written(other).encode())

    runner.start(launch(study), now=NOW)
    end = ended(runner)

    trial = as_recorded(Trial("3", 0, "running", {"count_gain": 0.8}), Go.first(study), objects)
    log = runner.log("77").read_text()
    assert end.code == 2
    (line,) = [line for line in log.splitlines() if line.startswith("error: ")]
    assert f"planned with mesosweep 0.0.1, this image has {__version__}" in line
    assert trial.status == "failed"
    assert "planned with mesosweep 0.0.1" in (trial.reason or "")
