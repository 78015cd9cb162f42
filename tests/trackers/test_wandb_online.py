"""The real client with a server that answers: a stand-in on this machine, for W&B's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("wandb")

import wandb as client

from mesosweep.testing.tracker import a_trial, an_evaluation, an_order
from mesosweep.testing.wandb_service import KEY, Service
from mesosweep.trackers.wandb import wandb

pytestmark = pytest.mark.slow


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    """Serve W&B here, to a client that has its key and nothing else of this machine's user."""
    for name in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_RUN_GROUP"):
        monkeypatch.delenv(name, raising=False)
    served = Service()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_BASE_URL", served.address)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    yield served
    client.teardown()
    served.close()


def curve(service: Service, run_id: str) -> dict[int, float]:
    """Return step → mean reward, of a run as the service has it."""
    return {
        row["global_step"]: row["eval/mean_reward"]
        for row in service.runs[run_id].history
        if "eval/mean_reward" in row
    }


def test_a_trials_run_arrives_with_its_group_curve_and_result(
    service: Service, tmp_path: Path
) -> None:
    with wandb(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))
        track.evaluated(an_evaluation(40, 2.0))
        track.ended(a_trial(reward=5.0))

    ((run_id, run),) = service.runs.items()
    assert (run.told["groupName"], run.told["jobType"]) == ("counting-count-3f9c2a", "stage2")
    assert run.told["displayName"] == "stage2/3"
    assert run.config["count.gain"] == 0.5
    assert curve(service, run_id) == {20: 1.0, 40: 2.0}
    assert run.summary["result/panel_mean_reward"] == 5.0
    assert run.exit_code == 0


def test_a_resumed_trial_goes_on_with_the_run_that_the_service_has(
    service: Service, tmp_path: Path
) -> None:
    for step in (0, 30):
        with wandb(an_order(tmp_path, step=step)) as track:
            track.evaluated(an_evaluation(step + 20, 1.0 + step))
        client.teardown()

    ((run_id, run),) = service.runs.items()
    assert run.beginnings >= 2
    assert curve(service, run_id) == {20: 1.0, 50: 31.0}


def test_a_key_that_is_refused_leaves_the_run_offline(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)

    with wandb(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))

    assert service.runs == {}
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert "the run is kept below" in capfd.readouterr().err


def test_a_service_that_goes_away_stops_nobody_and_its_run_can_be_sent_later(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesosweep.trackers.wandb._FINISH_S", 2.0)
    with wandb(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))
        service.close()
        track.evaluated(an_evaluation(40, 2.0))
        track.ended(a_trial(reward=5.0))

    again = Service(port=service.port)
    try:
        (folder,) = tmp_path.glob("wandb/run-*")
        sync = (sys.executable, "-m", "wandb", "sync", "--no-skip-online", str(folder))
        sent = subprocess.run(sync, cwd=folder, capture_output=True, text=True, check=False)
    finally:
        again.close()

    assert sent.returncode == 0, sent.stderr
    ((run_id, run),) = again.runs.items()
    assert curve(again, run_id) == {20: 1.0, 40: 2.0}
    assert run.summary["result/panel_mean_reward"] == 5.0


def test_a_run_that_was_kept_offline_is_sent_as_it_would_have_been(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for step in (0, 30):
        with wandb(an_order(tmp_path, step=step)) as track:
            track.evaluated(an_evaluation(step + 20, 1.0 + step))
        client.teardown()
    monkeypatch.delenv("WANDB_MODE")

    for folder in sorted(tmp_path.glob("wandb/offline-run-*")):
        sync = (sys.executable, "-m", "wandb", "sync", str(folder))
        subprocess.run(sync, cwd=folder, capture_output=True, text=True, check=True)

    ((run_id, run),) = service.runs.items()
    assert curve(service, run_id) == {20: 1.0, 50: 31.0}
    assert run.told["jobType"] == "stage2"
