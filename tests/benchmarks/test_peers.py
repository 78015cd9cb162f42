"""`benchmarks/peers.py`: its short mode, and that a sweep which did not happen has no time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "peers.py"
PYTHON = sys.executable


@pytest.fixture
def peers(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("peers")


@pytest.mark.slow
def test_the_short_mode_sweeps_with_ours_and_with_optuna(tmp_path: Path) -> None:
    ran = subprocess.run(
        [PYTHON, SCRIPT, "--short", "--dir", tmp_path],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    _, runs, table = ran.stdout.split("\n\n")[0], *ran.stdout.split("\n\n")
    assert [line.split()[-2] for line in runs.splitlines()[2:]] == ["2", "2"]
    rows = [line for line in table.splitlines() if "  512 " in line]
    assert [row.split("  ")[0] for row in rows] == [
        "mesosweep, judging as peers do",
        "Optuna + SB3",
    ]
    assert list(tmp_path.iterdir()) == []


def a_contender(peers: ModuleType, script: str, values: list[float], name: str = "a") -> object:
    return peers.Contender(name, lambda *_: [[PYTHON, "-c", script]], lambda _: values)


def test_each_repeat_begins_with_another_contender(
    peers: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contenders = [a_contender(peers, "", [1.0, 2.0], name) for name in "abc"]

    told = peers.measure(contenders, peers.Task(trials=2), repeats=2, place=tmp_path)

    turns = [line.split()[1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert turns == [*"abc", *"bca"]
    assert all(len(each.wall_s) == 2 and each.best == [2.0, 2.0] for each in told.values())


@pytest.mark.parametrize("values", [[1.0], [1.0, float("nan")]])
def test_a_sweep_without_all_its_returns_is_refused(
    peers: ModuleType, tmp_path: Path, values: list[float]
) -> None:
    lazy = a_contender(peers, "", values)

    with pytest.raises(peers.Failed, match="2 finite returns"):
        peers.measure([lazy], peers.Task(trials=2), repeats=1, place=tmp_path)


def test_a_process_that_breaks_is_told_with_its_last_words(
    peers: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(peers.Failed, match="no such thing"):
        peers.ran([[PYTHON, "-c", "raise SystemExit('no such thing')"]], tmp_path)


def test_ours_trains_the_ppo_of_the_peers_on_the_stages_own_env(
    peers: ModuleType, tmp_path: Path
) -> None:
    task = peers.Task()

    n_envs = peers.ordinary_stage(tmp_path / "stages", task)

    (written,) = (tmp_path / "stages").iterdir()
    ours, own = (
        tomllib.loads(written.read_text()),
        tomllib.loads((peers.STAGES / written.name).read_text()),
    )
    theirs = json.loads(task.told())
    ppo = ours.pop("ppo")
    assert ppo["n_steps"] * n_envs == theirs["ppo"]["n_steps"] * theirs["n_envs"] == task.rollout
    assert {name: ppo[name] for name in peers.PPO} == peers.PPO
    assert set(ppo) == {*theirs["ppo"], "net_arch", "learning_rate"}
    del own["ppo"]
    assert ours == own
