"""What others' own programs read of a sweep: TensorBoard, W&B, optuna-dashboard and rl_zoo3.

`nox -s clients` installs all of them. Elsewhere those that are missing are skipped, unless
CLIENTS_PYTHON names the interpreter of an environment that has them, and mesosweep.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mesosweep.plugins import SPECIES, Registry

RAPTOR = "velociraptor"
SWEEP = (
    *("launch", "--species", RAPTOR, "--algorithm", "ppo", "--stage", "1", "--trials", "2"),
    *("--parallel", "1", "--timesteps", "256", "--n-envs", "4", "--eval-freq", "128"),
    *("--eval-episodes", "1", "--panel-episodes", "2", "--test-episodes", "2", "--no-check"),
    *("--sampler", "random", "--tracker", "tensorboard", "--tracker", "wandb"),
    *("--override", "env.horizon_s=0.4", "ppo.batch_size=64"),
)
STAGE = Path("sweeps/velociraptor/ppo/stage1")
JOURNAL = STAGE.with_name("optuna.journal")
GATE_MISSED = 3
PATIENCE_S = 120.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        RAPTOR not in Registry().names(SPECIES), reason="no animal with a body is installed"
    ),
]


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # Nothing is sent anywhere: W&B writes into the trial's folder, and reports no errors home.
    quiet = {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false"}
    return subprocess.run(
        words, cwd=cwd, env={**os.environ, **quiet}, capture_output=True, text=True, check=False
    )


def mesosweep(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(str(Path(sys.executable).with_name("mesosweep")), *words, cwd=cwd)


def python_with(module: str) -> str:
    """Return the interpreter of an environment in which a client is installed."""
    asked = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    for python in filter(None, (sys.executable, os.environ.get("CLIENTS_PYTHON"))):
        if subprocess.run([python, "-c", asked], check=False).returncode == 0:
            return python
    pytest.skip(f"{module} is not installed here: nox -s clients, or set CLIENTS_PYTHON")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which a stage was swept, both trackers listening."""
    folder = tmp_path_factory.mktemp("swept")
    done = mesosweep(*SWEEP, cwd=folder)
    assert done.returncode in (0, GATE_MISSED), done.stderr
    return folder


def records(swept: Path) -> dict[str, dict[str, Any]]:
    """Return the trials' own records by their ids."""
    return {
        path.parent.name: json.loads(path.read_text())
        for path in (swept / STAGE).glob("*/metrics.json")
    }


def test_tensorboard_reads_every_trials_curve(swept: Path) -> None:
    python = python_with("tensorboard")

    said = run(python, "-m", "tensorboard.main", "--inspect", "--logdir", "sweeps", cwd=swept)

    assert said.returncode == 0, said.stderr
    folders = re.findall(r"Event statistics for \S*/(\w+)/tensorboard:", said.stdout)
    assert sorted(folders) == sorted(records(swept))
    assert said.stdout.count("eval/mean_reward") == len(records(swept))


def test_wandb_reads_its_runs_back(swept: Path) -> None:
    python = python_with("wandb")

    for trial, record in records(swept).items():
        (file,) = (swept / STAGE / trial).glob("wandb/offline-run-*/*.wandb")
        said = run(
            *(python, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(file)),
            cwd=swept,
        )
        assert said.returncode == 0, said.stderr
        told = json.loads(said.stdout)
        assert told["summary"]["result/panel_mean_reward"] == record["panel_mean_reward"]
        assert told["config"]["trial_id"] == trial


def test_optuna_dashboard_shows_the_trials(swept: Path) -> None:
    python = python_with("optuna_dashboard")

    with dashboard(python, swept / JOURNAL) as address:
        (study,) = asked(f"{address}/api/studies")["study_summaries"]
        told = asked(f"{address}/api/studies/{study['study_id']}?after=0")

    ours = records(swept)
    values: dict[str, Any] = {
        str(next(a["value"] for a in trial["user_attrs"] if a["key"] == "trial")).strip('"'): (
            trial["state"],
            [float(value) for value in trial["values"]],
        )
        for trial in told["trials"]
    }
    assert values == {
        trial: ("Complete", [pytest.approx(record["panel_mean_reward"])])
        for trial, record in ours.items()
    }


def test_rl_zoo3_enjoys_the_episode_that_we_evaluate(swept: Path) -> None:
    python = python_with("rl_zoo3")
    trial = str(STAGE / "0")
    exported = mesosweep("export", "zoo", "logs", trial, cwd=swept)
    assert exported.returncode == 0, exported.stderr
    (command,) = re.findall(r"Play it with: (.+)", exported.stderr)
    _, *words = shlex.split(command)

    said = run(python, *words, "--n-timesteps", "40", cwd=swept)

    assert said.returncode == 0, said.stderr
    rewards = [float(told) for told in re.findall(r"Episode Reward: (\S+)", said.stdout)]
    lengths = [int(told) for told in re.findall(r"Episode Length (\d+)", said.stdout)]
    ours = mesosweep("evaluate", trial, "--episodes", "1", "--json", cwd=swept)
    (episode,) = json.loads(ours.stdout)["episodes"]
    assert lengths[0] == episode["length"]
    assert rewards[0] == pytest.approx(episode["reward"], abs=0.02)


@contextmanager
def dashboard(python: str, journal: Path) -> Iterator[str]:
    """Serve a journal as optuna-dashboard does, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(python).with_name("optuna-dashboard"))
    words = (program, str(journal), "--host", "127.0.0.1", "--port", str(port))
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as served:
        try:
            wait_for(port, served)
            yield f"http://127.0.0.1:{port}"
        finally:
            served.terminate()


def wait_for(port: int, served: subprocess.Popen[bytes]) -> None:
    """Wait until another process listens, which no clock of ours moves on."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert served.poll() is None, "optuna-dashboard has ended"
            assert time.monotonic() < deadline, "optuna-dashboard does not answer"
            time.sleep(0.1)
        else:
            return


def asked(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)
