"""A few runs of `benchmarks/kill.py`; the long version is for whoever wants to be sure."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from mesosweep.backends._workers import LocalRunner
from mesosweep.domain.trial import Trial
from mesosweep.testing.backend import a_study

TRIAL = Path("sweeps/counting/count/stage1/3")


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "kill.py"
    spec = importlib.util.spec_from_file_location("kill_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "steps"), [("supervisor", 12), ("worker", 12)])
def test_killed_past_a_checkpoint_a_sweep_ends_as_if_nothing_had_happened(
    kill: ModuleType, tmp_path: Path, victim: str, steps: int
) -> None:
    command = [
        *(*kill.PROGRAM, *kill.COMMON, "--trials=2", "--parallel=2"),
        *(*kill.TRAINERS["count"], "--save-freq=6", "--override", "count.seconds=0.5"),
    ]
    assert kill.sweep(command, tmp_path / "unbroken").wait(120) == 0

    run = kill.killed(
        command,
        tmp_path / "killed",
        number=1,
        victim=victim,
        when=kill.past_checkpoint(steps),
        unbroken=tmp_path / "unbroken",
        trials=2,
    )

    assert run.faults == []
    assert run.past_checkpoint
    assert run.victim == victim
    assert run.resumed == (2 if victim == "supervisor" else 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]]
)
def test_stopped_by_a_signal_a_sweep_ends_within_ten_seconds_and_goes_on(
    kill: ModuleType, tmp_path: Path, signals: list[signal.Signals]
) -> None:
    command = [
        *(*kill.PROGRAM, *kill.COMMON, "--trials=2", "--parallel=2"),
        *(*kill.TRAINERS["count"], "count.seconds=1"),
    ]
    supervisor = kill.sweep(command, tmp_path)
    kill.past_checkpoint(6)(tmp_path)

    # As Ctrl-C does: to everybody in the group, workers too.
    for which in signals:
        os.killpg(supervisor.pid, which)
    code = supervisor.wait(10)
    # Orphans of a sweep that was ended at once end a moment after it.
    deadline = time.monotonic() + 5
    while kill._workers(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert code == 130
    assert kill._workers(tmp_path) == {}
    assert [trial.status for trial in _known(tmp_path)] == ["running", "running"]
    assert "Traceback" not in (tmp_path / "screen.txt").read_text()
    assert kill.sweep(command, tmp_path).wait(120) == 0


def _known(folder: Path) -> Sequence[Trial]:
    (stage,) = folder.glob("sweeps/*/*/stage1")
    return LocalRunner().known(a_study(folder=str(stage)))


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """A trial as two processes left it, one after the other."""
    trial = tmp_path / "killed" / TRIAL
    told(trial, (7, 0), (7, 1), (8, 2), (8, 3))
    told(tmp_path / "unbroken" / TRIAL, (9, 0), (9, 1), (9, 2), (9, 3))
    return trial


def test_a_trial_that_went_on_properly_is_in_order(
    kill: ModuleType, tmp_path: Path, trial: Path
) -> None:
    assert list(kill._two_at_once(tmp_path / "killed")) == []
    assert list(kill._wrong_start({trial: 2}, {trial: {7}})) == []
    assert list(kill.other_traces(tmp_path / "killed", tmp_path / "unbroken")) == []


def test_two_processes_at_once_are_noticed(kill: ModuleType, tmp_path: Path, trial: Path) -> None:
    told(trial, (7, 0), (8, 1), (7, 2), (8, 3))

    assert list(kill._two_at_once(tmp_path / "killed")) == [
        "stage1/3 was written by two processes at once"
    ]


def test_a_step_that_was_trained_twice_is_noticed(
    kill: ModuleType, tmp_path: Path, trial: Path
) -> None:
    told(trial, (7, 0), (7, 1), (7, 2), (8, 2))

    assert list(kill._two_at_once(tmp_path / "killed")) == [
        "stage1/3: two processes trained step 2"
    ]


def test_a_wrong_start_is_noticed(kill: ModuleType, trial: Path) -> None:
    assert list(kill._wrong_start({trial: 1}, {trial: {7}})) == [
        "stage1/3 went on from step 2, its checkpoint was at 1"
    ]


def test_an_altered_schedule_is_noticed(kill: ModuleType, tmp_path: Path, trial: Path) -> None:
    text = (trial / "progress.jsonl").read_text()
    (trial / "progress.jsonl").write_text(text.replace("0.03", "0.04"))

    assert list(kill.other_traces(tmp_path / "killed", tmp_path / "unbroken")) == [
        "stage1/3: learning_rate differs at step 3"
    ]


def told(trial: Path, *steps: tuple[int, int]) -> None:
    """Write (pid, step) as the lines of a trial's progress."""
    trial.mkdir(parents=True, exist_ok=True)
    (trial / "order.json").write_text("{}")
    lines = [
        {"pid": pid, "step": step, "values": {"learning_rate": step / 100}} for pid, step in steps
    ]
    (trial / "progress.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
