"""Runs of the real client, offline; what it wrote for its server is read with its own schema."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wandb")

import wandb as client
from wandb.proto import wandb_internal_pb2

from mesosweep.domain.errors import ExtraMissing
from mesosweep.testing.tracker import (
    Points,
    TrackerSuite,
    a_trial,
    an_evaluation,
    an_order,
)
from mesosweep.trackers.wandb import NOTE, wandb

_HEADER, _BLOCK = 7, 32_768

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("WANDB_API_KEY", "WANDB_PROJECT", "WANDB_RUN_GROUP", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path.with_name(f"{tmp_path.name}-home")
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WANDB_MODE", "offline")
    yield
    client.teardown()


def records(folder: Path) -> Iterator[Any]:
    """Yield what the runs below a trial's folder hold, oldest run first."""
    files = folder.glob("wandb/offline-run-*/*.wandb")
    for file in sorted(files, key=lambda path: path.stat().st_mtime_ns):
        for content in _log(file.read_bytes()):
            yield wandb_internal_pb2.Record.FromString(content)


def _log(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log in LevelDB's format, which W&B's files are after 7 bytes."""
    assert data[:4] == b":W&B"
    place, parts = _HEADER, b""
    while place + 7 <= len(data):
        if (left := _BLOCK - place % _BLOCK) < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def runs(folder: Path) -> list[Any]:
    return [record.run for record in records(folder) if record.WhichOneof("record_type") == "run"]


class TestWandb(TrackerSuite):
    tracker = staticmethod(wandb)

    def points(self, folder: Path) -> Points:
        found: dict[str, dict[int, float]] = {}
        for record in records(folder):
            if record.WhichOneof("record_type") != "history":
                continue
            row = {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            step = row.pop("global_step")
            for name, value in row.items():
                if not name.startswith("_"):
                    found.setdefault(name, {})[int(step)] = value
        return found


def test_a_trial_is_a_run_of_its_sweeps_group_with_its_stage_as_job_type(tmp_path: Path) -> None:
    with wandb(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))

    run = runs(tmp_path)[0]
    assert (run.project, run.run_group, run.job_type) == (
        "mesosweep",
        "counting-count-3f9c2a",
        "stage2",
    )
    assert run.display_name == "stage2/3"
    config = {
        item.key or item.nested_key[0]: json.loads(item.value_json) for item in run.config.update
    }
    assert (config["count.gain"], config["trial_id"], config["seed"]) == (0.5, "3", 11)


def test_a_resumed_trial_goes_on_with_its_run_and_another_has_its_own(tmp_path: Path) -> None:
    for step in (0, 30):
        with wandb(an_order(tmp_path / "3", step=step)) as track:
            track.evaluated(an_evaluation(step + 20, 1.0))
    with wandb(an_order(tmp_path / "4", trial_id="4")):
        pass

    ids = {run.run_id for run in runs(tmp_path / "3")}
    assert ids == {json.loads((tmp_path / "3" / NOTE).read_text())["run_id"]}
    assert ids != {run.run_id for run in runs(tmp_path / "4")}


def test_the_environment_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "dinosaurs")
    monkeypatch.setenv("WANDB_RUN_GROUP", "friday")

    with wandb(an_order(tmp_path)):
        pass

    assert (runs(tmp_path)[0].project, runs(tmp_path)[0].run_group) == ("dinosaurs", "friday")


def test_the_result_is_in_the_summary(tmp_path: Path) -> None:
    with wandb(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))
        track.ended(a_trial(reward=5.0))

    told = {
        item.key or item.nested_key[0]: json.loads(item.value_json)
        for record in records(tmp_path)
        if record.WhichOneof("record_type") == "summary"
        for item in record.summary.update
    }
    assert told["result/panel_mean_reward"] == 5.0
    assert told["result/status"] == "finished"


def test_without_a_key_the_run_is_kept_offline_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_MODE")

    with wandb(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))

    assert runs(tmp_path)
    said = capfd.readouterr()
    assert "no API key was found" in said.err
    assert "wandb sync" in said.err


def test_a_server_that_does_not_answer_leaves_the_run_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setattr("mesosweep.trackers.wandb._INIT_S", 1.0)

    with wandb(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))

    assert runs(tmp_path)
    assert "the run is kept below" in capfd.readouterr().err


def test_a_netrc_file_holds_a_key_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mesosweep.trackers.wandb import _has_key

    place = tmp_path / "netrc"
    place.write_text("machine api.wandb.ai login user password secret\n")
    place.chmod(0o600)

    assert _has_key({"NETRC": str(place)})
    assert not _has_key({"NETRC": str(place), "WANDB_BASE_URL": "https://wandb.example.org"})
    assert not _has_key({"NETRC": str(tmp_path / "none")})
    assert _has_key({"NETRC": str(tmp_path / "none"), "WANDB_API_KEY": "k"})


def test_without_the_package_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(ExtraMissing) as caught, wandb(an_order(tmp_path)):
        pass

    assert "mesosweep[wandb]" in str(caught.value.hint)
