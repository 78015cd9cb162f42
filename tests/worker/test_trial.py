"""One trial, in this process: its folder tells everything, and nothing is done twice."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesosweep.domain.errors import (
    CheckpointDamaged,
    MesosweepError,
    PluginNotFound,
    SettingsError,
    StoreError,
    SweepLocked,
)
from mesosweep.domain.score import Verdict
from mesosweep.domain.seeds import evidence_seeds, training_seed
from mesosweep.records import lease
from mesosweep.records.bundle import open_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.stop import write_stop
from mesosweep.testing import counting
from mesosweep.testing.trials import LAST_EVALUATION, PANEL, after, crash_after
from mesosweep.worker import observer, prepare
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import run_trial
from mesosweep.worker.tuning import TuningReport


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no progress line be left out for being early."""
    monkeypatch.setattr(observer, "_LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(observer, "_LINES_PER_TENFOLD", math.inf)


def test_a_finished_trial_tells_its_whole_story(request_: TrialRequest) -> None:
    trial = run_trial(request_)

    assert trial.status == "finished"
    assert (trial.trial_id, trial.attempt, trial.reason) == ("3", 0, None)
    assert trial.steps_trained == trial.steps_asked == 100
    assert trial.panel is not None
    assert trial.panel.episodes == 30
    assert trial.passed
    assert trial.assignment == {"count_gain": 0.8}
    assert trial.parameters["count.gain"] == 0.8
    assert trial.parameters["env.horizon"] == 2
    assert trial.checkpoint is not None
    assert trial.final_checkpoint is not None


def test_a_gate_is_asked_of_the_evaluations_up_to_the_checkpoint_too(
    request_: TrialRequest,
) -> None:
    passed = run_trial(replace(request_, passes=2))
    missed = run_trial(replace(request_, passes=5, trial_id="4"))

    assert passed.passed
    told = "passed by 4 evaluations in a row up to the best checkpoint (step 100), not 5"
    assert missed.verdict == Verdict(False, (told,))
    # Whoever reads the record reads the same.
    record = read(request_.output_dir / "4" / "metrics.json")
    assert record["gate"] == {"passed": False, "reasons": [told]}
    assert record["stage_passed"] is False


def test_the_record_on_disk_is_the_trial(request_: TrialRequest) -> None:
    trial = run_trial(request_)

    record = read(request_.folder / "metrics.json")
    assert record["status"] == "finished"
    assert record["steps_asked"] == record["steps_trained"] == 100
    assert record["parameters"] == dict(trial.parameters)
    assert record["seed"] == training_seed(sweep_seed=42, stage=1, attempt=0, trial=3)
    assert record["parent"] is None


def test_what_it_was_run_with_is_written_when_it_begins(request_: TrialRequest) -> None:
    run_trial(request_, stop=lambda: True)

    config = read(request_.folder / "stage_config.json")
    assert config["hyperparameters"]["gain"] == 0.8
    assert config["run"]["eval_freq"] == 25
    assert not (request_.folder / "metrics.json").exists()


def test_a_swept_reward_weight_is_trained_on_and_never_judged_on(request_: TrialRequest) -> None:
    trial = run_trial(replace(request_, injected={"env_action_weight": "9.0"}))
    plain = run_trial(replace(request_, injected={}, trial_id="4"))

    config = read(request_.folder / "stage_config.json")
    assert config["reward_weights"]["action_weight"] == 9.0
    assert config["reference"]["action_weight"] == 1.0
    assert trial.panel == plain.panel


def test_the_best_mean_so_far_is_reported_and_never_falls(request_: TrialRequest) -> None:
    trial = run_trial(request_)

    reports = jsonl(request_.folder / "hypertune" / "output.metric")
    told = [float(line["best_mean_reward"]) for line in reports]
    assert [int(line["global_step"]) for line in reports] == [25, 50, 75, 100]
    assert told == sorted(told)
    assert all(math.isfinite(value) for value in told)
    assert told[-1] == trial.best_mean_reward


def test_a_services_own_metric_file_is_respected(
    request_: TrialRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "elsewhere" / "metric"))

    run_trial(request_)

    assert len(jsonl(tmp_path / "elsewhere" / "metric")) == 4
    assert not (request_.folder / "hypertune").exists()


def test_without_a_service_the_environment_stays_as_it_was(request_: TrialRequest) -> None:
    run_trial(request_)

    assert "CLOUD_ML_HP_METRIC_FILE" not in os.environ


def test_panel_and_evaluations_never_share_an_episode(
    request_: TrialRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[list[int]] = []
    monkeypatch.setattr(prepare, "_open_ground", listening(played))

    run_trial(request_)

    select = list(evidence_seeds("select", sweep_seed=42, stage=1, count=10))
    panel = list(evidence_seeds("panel", sweep_seed=42, stage=1, count=30))
    assert played == [select] * 4 + [panel]


def test_a_trial_that_ended_is_not_run_again(
    request_: TrialRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_trial(request_)
    played: list[list[int]] = []
    monkeypatch.setattr(prepare, "_open_ground", listening(played))

    again = run_trial(request_)

    assert played == []
    assert again == first


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("looks", [1, 13, 20, 25, 26, 45, 60, 99, LAST_EVALUATION, PANEL])
def test_interrupted_anywhere_it_ends_as_if_it_never_was(
    request_: TrialRequest, looks: int
) -> None:
    unbroken = replace(request_, output_dir=request_.output_dir / "unbroken")
    expected = run_trial(unbroken)

    interrupted = run_trial(request_, stop=after(looks))
    trial = run_trial(request_)

    assert interrupted.status == "running"
    assert replace(trial, duration_s=0, checkpoint=None, final_checkpoint=None) == replace(
        expected, duration_s=0, checkpoint=None, final_checkpoint=None
    )
    assert trace(request_) == trace(unbroken)
    assert not (request_.folder / "checkpoint").exists()


@pytest.mark.parametrize("ending", ["asked", "lost"])
def test_a_trial_that_ends_in_its_panel_is_not_trained_again(
    request_: TrialRequest, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ending == "asked":
        assert run_trial(request_, stop=after(PANEL)).status == "running"
    else:
        with pytest.raises(KeyboardInterrupt):
            run_trial(request_, stop=crash_after(PANEL))
    best = (request_.folder / "models" / "best_model.manifest.json").read_bytes()
    played: list[list[int]] = []
    monkeypatch.setattr(prepare, "_open_ground", listening(played))
    monkeypatch.setattr(counting.CountLearner, "train", None)

    trial = run_trial(request_)

    assert trial.status == "finished"
    assert trial.steps_trained == 100
    assert played == [list(evidence_seeds("panel", sweep_seed=42, stage=1, count=30))]
    assert (request_.folder / "models" / "best_model.manifest.json").read_bytes() == best


def test_a_stop_in_an_evaluation_ends_it_at_the_next_control_step(
    request_: TrialRequest,
) -> None:
    looks: list[int] = []

    def stop() -> bool:
        looks.append(0)
        return len(looks) >= LAST_EVALUATION

    run_trial(request_, stop=stop)

    assert len(looks) == LAST_EVALUATION


def test_told_to_end_early_a_trial_keeps_its_best_and_faces_no_panel(
    request_: TrialRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "_LOOK_S", 0.0)
    folder = TrialFolder(request_.folder)

    trial = run_trial(request_, stop=saying_enough(folder, looks=70))

    record = read(folder.metrics)
    assert trial.status == record["status"] == "stopped"
    assert trial.reason == record["reason"] == "below the median"
    assert trial.steps_asked == 100
    # It heard of it before step 50: looks fall before 25 steps, 20 control steps, 25 steps more.
    assert trial.steps_trained == 49
    assert trial.best_mean_reward is not None
    assert (trial.panel, trial.verdict, trial.passed) == (None, None, False)
    assert trial.checkpoint is not None
    assert open_bundle(Path(trial.checkpoint.uri)).step == record["best_step"] == 25
    assert trial.final_checkpoint is None
    assert not folder.checkpoints.exists()
    assert not folder.stop.exists()
    assert run_trial(request_) == trial


def test_killed_before_it_hears_of_its_end_it_ends_all_the_same(request_: TrialRequest) -> None:
    folder = TrialFolder(request_.folder)
    with pytest.raises(KeyboardInterrupt):
        run_trial(request_, stop=crash_after(75))
    write_stop(folder.stop, "below the median")

    trial = run_trial(request_)

    assert (trial.status, trial.reason) == ("stopped", "below the median")
    assert trial.steps_trained == 40
    assert trial.checkpoint is not None


def test_one_that_has_trained_all_its_steps_faces_its_panel(request_: TrialRequest) -> None:
    folder = TrialFolder(request_.folder)
    assert run_trial(request_, stop=after(PANEL)).status == "running"
    write_stop(folder.stop, "below the median")

    trial = run_trial(request_)

    assert (trial.status, trial.reason) == ("finished", None)
    assert not folder.stop.exists()


@pytest.mark.usefixtures("every_step")
def test_a_lost_worker_costs_the_steps_since_its_last_checkpoint(request_: TrialRequest) -> None:
    unbroken = replace(request_, output_dir=request_.output_dir / "unbroken")
    expected = run_trial(unbroken)

    with pytest.raises(KeyboardInterrupt):
        run_trial(request_, stop=crash_after(75))
    reached = jsonl(request_.folder / "progress.jsonl")[-1]["step"]
    trial = run_trial(request_)

    assert reached > 40
    assert trial.best_mean_reward == expected.best_mean_reward
    assert trace(request_) == trace(unbroken)


@pytest.mark.usefixtures("every_step")
def test_steps_that_were_lost_are_told_of_once(request_: TrialRequest) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_trial(request_, stop=crash_after(75))

    run_trial(request_)

    steps = [line["step"] for line in jsonl(request_.folder / "progress.jsonl") if "values" in line]
    assert steps == list(range(1, 101))


def test_a_checkpoint_cut_short_is_passed_over(
    request_: TrialRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_trial(request_, stop=crash_after(75))
    (request_.folder / "checkpoint" / "40" / "count.json").write_text("{")

    trial = run_trial(request_)

    told = capsys.readouterr()
    assert trial.status == "finished"
    assert "Going on from step 20." in told.out
    assert "A checkpoint was passed over" in told.err


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("fail", "failed", "RuntimeError: told to fail half-way"),
        ("nan", "diverged", "the loss is nan"),
    ],
)
def test_what_goes_wrong_in_training_is_recorded(
    request_: TrialRequest, fault: str, status: str, reason: str
) -> None:
    trial = run_trial(replace(request_, injected={"count_fault": fault}))

    assert (trial.status, trial.reason, trial.panel) == (status, reason, None)
    assert read(request_.folder / "metrics.json")["status"] == status
    assert not (request_.folder / "checkpoint").exists()


def test_a_trial_that_never_scored_a_number_has_diverged(
    request_: TrialRequest,
) -> None:
    trial = run_trial(replace(request_, overrides=("env.action_weight=1e308", "env.horizon=9")))

    assert trial.status == "diverged"
    assert trial.best_mean_reward is None


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that a tuning service reads while a trial runs."""
    pytest.importorskip("hypertune")
    file = tmp_path / "output.metrics"
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(file))
    return file


def test_to_a_tuning_service_a_trial_that_diverged_is_worth_what_it_began_with(
    request_: TrialRequest, watched: Path
) -> None:
    trial = run_trial(replace(request_, injected={"count_fault": "nan"}, eval_freq=1_000))

    (line,) = [json.loads(line) for line in watched.read_text().splitlines()]
    assert float(line["best_mean_reward"]) < 1.0
    assert (trial.status, trial.best_mean_reward) == ("diverged", None)


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("place", ["the first policy", "playing it", "the report"])
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("the simulation is unstable"),
        FloatingPointError("nan"),
        SettingsError("no policy"),
        StoreError("no such file"),
        OSError("the disk is full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_start_that_cannot_be_reported_takes_nothing_from_the_record(
    request_: TrialRequest,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    place: str,
    error: Exception,
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise error

    kind, name = {
        "the first policy": (counting.CountLearner, "untrained"),
        "playing it": (observer.TrialObserver, "play"),
        "the report": (TuningReport, "__call__"),
    }[place]
    monkeypatch.setattr(kind, name, fail)

    trial = run_trial(replace(request_, injected={"count_fault": "nan"}, eval_freq=1_000))

    assert (trial.status, trial.reason) == ("diverged", "the loss is nan")
    assert read(request_.folder / "metrics.json")["status"] == "diverged"
    assert not (request_.folder / "checkpoint").exists()
    logged = capfd.readouterr().err
    assert "Traceback" in logged
    assert str(error) in logged


def test_the_start_of_a_trial_that_is_told_to_stop_is_not_played_to_its_end(
    request_: TrialRequest, watched: Path
) -> None:
    record = request_.folder / "metrics.json"

    trial = run_trial(
        replace(request_, injected={"count_fault": "nan"}, eval_freq=1_000), stop=record.exists
    )

    assert trial.status == read(record)["status"] == "diverged"
    assert not watched.exists() or not watched.read_text()


def test_a_stage_goes_on_from_its_parent(request_: TrialRequest) -> None:
    parent = run_trial(request_)
    assert parent.checkpoint is not None

    child = run_trial(replace(request_, stage=2, load=parent.checkpoint.uri, trial_id="4"))

    record = read(request_.output_dir / "4" / "metrics.json")
    assert child.best_mean_reward is not None
    assert parent.best_mean_reward is not None
    assert child.best_mean_reward > parent.best_mean_reward
    assert record["parent"]["uri"] == parent.checkpoint.uri
    assert record["parent"]["step"] == 100


@pytest.mark.parametrize(
    ("change", "error", "exit_code"),
    [
        ({"species": "cuonting"}, PluginNotFound, 2),
        ({"stage": 9}, SettingsError, 2),
        ({"injected": {"count_gian": "1"}}, SettingsError, 2),
        ({"injected": {"count_fault": "meteor"}}, SettingsError, 2),
        ({"load": "nowhere/best_model.zip"}, CheckpointDamaged, 5),
    ],
)
def test_an_impossible_request_leaves_nothing_behind(
    request_: TrialRequest, change: dict[str, Any], error: type[MesosweepError], exit_code: int
) -> None:
    with pytest.raises(error) as refused:
        run_trial(replace(request_, **change))

    assert refused.value.exit_code == exit_code
    assert not request_.folder.exists()


def test_a_parent_that_lost_a_part_is_refused(request_: TrialRequest) -> None:
    parent = run_trial(request_)
    assert parent.checkpoint is not None
    Path(parent.checkpoint.uri).write_text("{}")

    with pytest.raises(CheckpointDamaged, match="SHA-256 differs"):
        run_trial(replace(request_, stage=2, load=parent.checkpoint.uri, trial_id="4"))


def test_a_record_cut_in_half_is_neither_believed_nor_overwritten(request_: TrialRequest) -> None:
    run_trial(request_)
    path = request_.folder / "metrics.json"
    path.write_text(path.read_text()[:50])

    with pytest.raises(StoreError, match=r"metrics\.json"):
        run_trial(request_)

    assert len(path.read_text()) == 50


def test_two_processes_never_train_one_trial(request_: TrialRequest) -> None:
    with lease.hold(request_.folder), pytest.raises(SweepLocked, match=str(os.getpid())):
        run_trial(request_)


def saying_enough(folder: TrialFolder, *, looks: int) -> Callable[[], bool]:
    """Never say to stop, but at the given look write down that the trial is to end early."""
    counted = after(looks)

    def look() -> bool:
        if counted():
            write_stop(folder.stop, "below the median")
        return False

    return look


def listening(played: list[list[int]]) -> Callable[..., Any]:
    original = prepare._open_ground

    def opened(*things: Any) -> Any:
        ground = original(*things)
        play = ground.play

        def heard(policy: Any, seeds: Any) -> Any:
            played.append(list(seeds))
            return play(policy, seeds)

        ground.play = heard  # type: ignore[method-assign]  # a spy on a real ground
        return ground

    return opened


def trace(request: TrialRequest) -> dict[int, Any]:
    lines = jsonl(request.folder / "progress.jsonl")
    return {line["step"]: line["values"] for line in lines if "values" in line}


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content
