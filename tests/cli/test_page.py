"""The page's commands, word by word, behind `mesosweep`; and the jobs that their flags become."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mesosweep.cli import argv as words_of
from mesosweep.cli.app import app
from mesosweep.testing.command import Mesosweep

GOLDEN = Path(__file__).parents[1] / "golden" / "vertex"
IMAGE = "us-central1-docker.pkg.dev/my-project/mesozoic-labs/trainer:latest"
PLACE = f"--project my-project --bucket my-bucket --image {IMAGE}"
COMMANDS = (
    (
        f"launch-all --species velociraptor --algorithm ppo {PLACE} --trials 20 --parallel 5 "
        "--timesteps-stage1 500000 --timesteps-stage2 1000000 --timesteps-stage3 1500000"
    ),
    (
        f"launch --species velociraptor --stage 2 --algorithm ppo {PLACE} --trials 20 --parallel 5 "
        "--timesteps 1000000"
    ),
    (
        f"launch --species velociraptor --stage 1 --algorithm ppo --timesteps 100000 --n-envs 4 {PLACE} "
        "--trials 5 --parallel 3 --machine-type n1-standard-8 --accelerator-type None"
    ),
    (
        f"launch --species velociraptor --stage 1 --algorithm ppo {PLACE} "
        "--search-space-file configs/sweep_ppo.json --machine-type n1-standard-8 "
        "--accelerator-type NVIDIA_TESLA_T4"
    ),
    (
        f"launch-all --species trex --algorithm ppo {PLACE} --trials 30 --parallel 5 --search-space "
        '\'{"ppo_gamma": {"type": "double", "min": 0.9, "max": 0.99, "scale": "linear"}}\''
    ),
    (
        f"launch-all --species trex --algorithm ppo {PLACE} --trials 20 --trials-stage1 10 --parallel 5 "
        "--search-space-file configs/sweep_ppo.json"
    ),
    (
        f"launch-all --species trex --algorithm ppo {PLACE} "
        "--search-space-file configs/sweep_ppo.json --trials-stage1 15"
    ),
    (
        "trial --species velociraptor --stage 1 --algorithm ppo --timesteps 10000 --n-envs 1 "
        "--ppo_learning_rate 1e-4 --ppo_ent_coef 0.02 --ppo_batch_size 128"
    ),
    f"launch-all --species velociraptor --algorithm ppo {PLACE} --trials 20 --parallel 5 --wandb",
    f"launch-all --species velociraptor --algorithm ppo {PLACE} --trials 20 --parallel 5 --no-resume",
    (
        "collect-results gs://my-bucket/sweeps/velociraptor --species velociraptor --algorithm ppo "
        "--plot"
    ),
    "collect-results gs://my-bucket/sweeps/velociraptor --stages 1 2",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_takes_it(command: str) -> None:
    words = shlex.split(command)
    name = words_of.ALIASES.get(words[0], words[0])
    prepared, _ = words_of.prepared([name, *words[1:]])
    commands: Any = get_command(app)

    context = commands.commands[name].make_context(name, prepared[1:])

    assert context.args == []


def _of_any_plan(text: str) -> str:
    """Return a job without what tells its plan apart, and without how its document is put there."""
    text = re.sub(r"^# (Sent by hand|mesosweep plan).*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"velociraptor-ppo-[0-9a-f]{6}-", "velociraptor-ppo-000000-", text)


@pytest.mark.parametrize(
    ("command", "golden"),
    [
        (
            (
                f"plan --species velociraptor --stage 1 --algorithm ppo --timesteps 100000 --n-envs 4 "
                f"{PLACE} --trials 5 --parallel 3 --machine-type n1-standard-8 "
                "--accelerator-type None"
            ),
            "budget_friendly.yaml",
        ),
        (
            (
                f"plan --species velociraptor --stage 1 --algorithm ppo {PLACE} "
                f"--search-space-file {GOLDEN / 'sweep_ppo.json'} --machine-type n1-standard-8 "
                "--accelerator-type NVIDIA_TESLA_T4"
            ),
            "full_stage1_t4.yaml",
        ),
    ],
)
def test_its_flags_become_the_job_on_file(mesosweep: Mesosweep, command: str, golden: str) -> None:
    said = mesosweep(*shlex.split(command), "--request", "--no-check")

    assert said.code == 0, said.err
    assert _of_any_plan(said.out) == _of_any_plan((GOLDEN / golden).read_text())


def test_a_whole_sweep_is_three_jobs_each_from_the_winner_before(mesosweep: Mesosweep) -> None:
    words = shlex.split(COMMANDS[0])[1:]

    said = mesosweep("plan", *words, "--request", "--no-check")
    first, second, third = said.out.split("\n---\n")

    golden = (GOLDEN / "run_all_stage1.yaml").read_text()
    timesteps = [re.findall(r"--timesteps=(\d+)", job) for job in (first, second, third)]
    assert timesteps == [["500000"], ["1000000"], ["1500000"]]
    assert "--load" not in first
    assert "/gcs/my-bucket/sweeps/velociraptor/ppo/stage1/WINNER/models/best_model.zip" in second
    assert "/gcs/my-bucket/sweeps/velociraptor/ppo/stage2/WINNER/models/best_model.zip" in third
    assert ("maxTrialCount: 20" in first, "parallelTrialCount: 5" in first) == (True, True)
    assert golden.splitlines()[1].startswith("displayName: ")


def test_what_only_vertex_ai_takes_is_told_by_the_plan(
    mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a-secret")
    words = shlex.split(COMMANDS[0])[1:]

    said = mesosweep("plan", *words, "--no-check", "--wandb", "--spot", "--label", "team=a")
    job = mesosweep("plan", *words, "--no-check", "--wandb", "--request")

    assert "SPOT" in said.out
    assert "WANDB_API_KEY travels in the job in clear" in said.out
    assert "a-secret" not in said.out + job.out
    assert "value: REDACTED" in job.out
