"""A trial in a bucket: its folder there tells everything, whatever becomes of its machine."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesosweep.domain.errors import CheckpointDamaged, SettingsError, StateDamaged, StoreError
from mesosweep.domain.trial import Trial
from mesosweep.records.bundle import open_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.trials import LAST_EVALUATION, PANEL, after, crash_after
from mesosweep.worker import observer, published
from mesosweep.worker.published import run_asked, run_published
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import run_trial

COPY = "mesosweep.stores.gcs_publish.shutil.copyfile"
STAGE = "/gcs/a-bucket/sweeps/counting/count/stage1"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a mounted bucket."""
    bucket = tmp_path / "gcs" / "a-bucket"
    bucket.mkdir(parents=True)
    monkeypatch.setenv("MESOSWEEP_GCS_ROOT", str(bucket.parent))
    return bucket


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the disk of a machine, on which no trial may leave anything."""
    disk = tmp_path / "disk"
    disk.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    yield disk
    assert list(disk.iterdir()) == []


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be published as soon as it is there."""
    monkeypatch.setattr(published, "_SHARE", 0)


@pytest.fixture
def request_(request_: TrialRequest, bucket: Path) -> TrialRequest:
    return replace(request_, output_dir=Path(STAGE))


@pytest.fixture
def there(bucket: Path) -> TrialFolder:
    """Return the trial's folder as the bucket has it."""
    return TrialFolder(bucket / "sweeps/counting/count/stage1/3")


def run(request: TrialRequest, **others: Any) -> Trial:
    return run_published(request, clock=FakeClock(), least_pause_s=0.0, **others)


def locally(request: TrialRequest, folder: Path) -> tuple[Trial, TrialFolder]:
    """Run the same trial in a folder of this machine."""
    here = replace(request, output_dir=folder)
    return run_trial(here), TrialFolder(here.folder)


def told(folder: TrialFolder) -> dict[str, Any]:
    """Return all that a trial left behind that does not depend on when and where it ran."""
    record = json.loads(folder.metrics.read_text())
    del record["training_duration_seconds"]
    models = {path.name: path.read_bytes() for path in sorted(folder.models.iterdir())}
    config = json.loads(folder.stage_config.read_text())
    return {"record": record, "models": models, "config": config}


def test_what_lies_in_the_bucket_is_what_a_local_run_leaves(
    request_: TrialRequest, there: TrialFolder, tmp_path: Path
) -> None:
    trial = run(request_)

    expected, local = locally(request_, tmp_path / "local")
    assert told(there) == told(local)
    assert replace(trial, duration_s=0, checkpoint=None, final_checkpoint=None) == replace(
        expected, duration_s=0, checkpoint=None, final_checkpoint=None
    )
    assert not there.checkpoints.exists()
    assert not (there.path / "lease").exists()


def test_its_checkpoints_are_told_by_their_addresses(
    request_: TrialRequest, there: TrialFolder
) -> None:
    trial = run(request_)

    assert trial.checkpoint is not None
    address = "gs://a-bucket/sweeps/counting/count/stage1/3/models/best_model.zip"
    assert trial.checkpoint.uri == address
    assert open_bundle(there.best).step == 100


def test_while_it_trains_the_bucket_tells_how_far_it_is(
    request_: TrialRequest, there: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "_LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(observer, "_LINES_PER_TENFOLD", math.inf)
    seen: list[int] = []

    def stop() -> bool:
        if there.progress.exists():
            lines = there.progress.read_text().splitlines()
            seen.append(json.loads(lines[-1])["step"] if lines else 0)
        return False

    run(request_, stop=stop)

    assert seen == sorted(seen)
    assert len(set(seen)) > 90


def test_what_it_said_is_kept_in_the_bucket_and_heard_here(
    request_: TrialRequest, there: TrialFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    lost(request_, crash_after(75))
    capsys.readouterr()

    run(request_)

    log = there.log.read_text().splitlines()
    assert [line for line in log if line.startswith("# ")][1].endswith(
        "trial 3 of counting stage 1, attempt 0"
    )
    assert "Going on from step 40." in log
    assert "Going on from step 40." in capsys.readouterr().out


@pytest.mark.parametrize("looks", [1, 20, 26, 45, 60, 99, LAST_EVALUATION, PANEL])
@pytest.mark.parametrize("ending", ["asked", "lost"])
def test_taken_away_anywhere_it_ends_as_if_it_never_was(
    request_: TrialRequest, there: TrialFolder, tmp_path: Path, looks: int, ending: str
) -> None:
    _, unbroken = locally(request_, tmp_path / "unbroken")

    if ending == "asked":
        assert run(request_, stop=after(looks)).status == "running"
    else:
        lost(request_, crash_after(looks))
    run(request_)

    assert told(there) == told(unbroken)
    assert not there.checkpoints.exists()


def test_two_losses_in_a_row_cost_no_more_than_two(
    request_: TrialRequest, there: TrialFolder, tmp_path: Path
) -> None:
    _, unbroken = locally(request_, tmp_path / "unbroken")

    lost(request_, crash_after(30))
    lost(request_, crash_after(30))
    run(request_)

    assert told(there) == told(unbroken)


def test_a_trial_that_ended_is_not_run_again_but_reported_once_more(
    request_: TrialRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(request_)
    metrics = tmp_path / "another machine" / "output.metrics"
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(metrics))

    again = run(request_, stop=lambda: pytest.fail("it was begun again"))

    assert again == first
    (line,) = metrics.read_text().splitlines()
    report = json.loads(line)
    assert float(report["best_mean_reward"]) == first.best_mean_reward
    assert report["global_step"] == "100"


def test_a_trial_that_goes_on_reports_again_what_it_had_reached(
    request_: TrialRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost(request_, crash_after(PANEL))
    metrics = tmp_path / "another machine" / "output.metrics"
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(metrics))

    trial = run(request_)

    (line,) = metrics.read_text().splitlines()
    assert float(json.loads(line)["best_mean_reward"]) == trial.best_mean_reward


def test_in_a_job_that_names_no_file_the_packages_own_is_used(
    request_: TrialRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = pytest.importorskip("hypertune.hypertune")
    default = tmp_path / "hypertune" / "output.metrics"
    monkeypatch.setattr(package, "_DEFAULT_METRIC_PATH", str(default))
    monkeypatch.setenv("CLOUD_ML_JOB_ID", "12345")

    run(request_)

    assert len(default.read_text().splitlines()) == 4
    assert "CLOUD_ML_HP_METRIC_FILE" not in os.environ


def test_the_next_stage_starts_from_a_bundle_in_the_bucket(
    request_: TrialRequest, bucket: Path
) -> None:
    parent = run(request_)
    assert parent.checkpoint is not None
    child = replace(
        request_,
        stage=2,
        load=parent.checkpoint.uri.replace("gs://", "/gcs/"),
        output_dir=Path(STAGE).with_name("stage2"),
    )

    trial = run(child)

    record = json.loads((bucket / "sweeps/counting/count/stage2/3/metrics.json").read_text())
    assert record["parent"]["uri"] == parent.checkpoint.uri
    assert record["parent"]["step"] == 100
    assert (trial.best_mean_reward or 0) > (parent.best_mean_reward or 0)


def test_a_request_that_cannot_be_met_is_put_on_record(
    request_: TrialRequest, there: TrialFolder
) -> None:
    asked = replace(request_, injected={"count_gian": "1"}, attempt=2)

    with pytest.raises(SettingsError, match="count_gian"):
        run(asked)

    record = json.loads(there.metrics.read_text())
    assert (record["status"], record["attempt"], record["steps_trained"]) == ("failed", 2, 0)
    assert "unknown parameter" in record["reason"]
    assert f"error: {record['reason']}" in there.log.read_text().splitlines()


def test_so_is_a_document_that_cannot_be_believed(
    request_: TrialRequest, there: TrialFolder, bucket: Path
) -> None:
    (bucket / "study.json").write_text("{")

    with pytest.raises(StateDamaged):
        run(replace(request_, study="gs://a-bucket/study.json"))

    assert "cannot be believed" in json.loads(there.metrics.read_text())["reason"]


def test_so_is_a_bundle_that_is_not_whole(request_: TrialRequest, there: TrialFolder) -> None:
    with pytest.raises(CheckpointDamaged):
        run(replace(request_, load="gs://a-bucket/nowhere/best_model.zip"))

    assert "no such file" in json.loads(there.metrics.read_text())["reason"]


def test_a_bucket_that_is_not_mounted_is_told_in_one_line(request_: TrialRequest) -> None:
    elsewhere = Path("/gcs/another-bucket/stage1")

    with pytest.raises(StoreError, match="gs://another-bucket is not mounted") as caught:
        run(replace(request_, output_dir=elsewhere))

    assert "\n" not in str(caught.value)


def test_a_bucket_that_fails_for_a_while_costs_nothing(
    request_: TrialRequest,
    there: TrialFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _, unbroken = locally(request_, tmp_path / "unbroken")
    copies = 0
    copyfile = shutil.copyfile

    def unsteady(source: Path, target: Path) -> None:
        nonlocal copies
        copies += 1
        if copies % 7 == 0:
            raise OSError(107, "Transport endpoint is not connected")
        copyfile(source, target)

    monkeypatch.setattr(COPY, unsteady)

    run(request_)

    assert told(there) == told(unbroken)
    assert "Not published yet" in capfd.readouterr().err


def test_a_bucket_that_stays_away_is_an_error_at_the_end(
    request_: TrialRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Path) -> None:
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(COPY, refuse)

    with pytest.raises(StoreError, match="cannot be published"):
        run(request_)


def test_a_folder_of_this_machine_is_used_as_it_is(request_: TrialRequest, tmp_path: Path) -> None:
    trial = run_asked(replace(request_, output_dir=tmp_path / "stage1"))

    assert trial.checkpoint is not None
    assert Path(trial.checkpoint.uri).is_file()


def lost(request: TrialRequest, stop: Callable[[], bool]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(request, stop=stop)
