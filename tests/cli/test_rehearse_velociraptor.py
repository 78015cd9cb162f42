"""The velociraptor over the whole cloud path: Google's clients, a rehearsed cloud, real trials of PPO."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")
pytest.importorskip("mesosweep_velociraptor")

from mesosweep.cli import rehearsing
from mesosweep.domain.trial import Trial
from mesosweep.testing.command import Mesosweep

STEPS = 4_096
"""Two rollouts, and an evaluation after each: the first is reported when the machine is taken."""
SPACE = {"ppo_learning_rate": {"type": "double", "min": 1e-4, "max": 5e-4, "scale": "log"}}
RAPTOR = (
    *("--species", "velociraptor", "--algorithm", "ppo"),
    *("--timesteps", str(STEPS), "--eval-freq", "2048", "--eval-episodes", "2"),
    *("--panel-episodes", "4", "--test-episodes", "4", "--no-check"),
    *("--search-space", json.dumps(SPACE)),
)
FAULTS = ("--preempt", "1", "--lose-reply", "CreateHyperparameterTuningJob")
GATE_NOT_PASSED = 3
BUCKET = "rehearsal/buckets/rehearsal/sweeps/velociraptor/ppo"
Checked = Callable[..., list[Trial]]


@pytest.fixture
def rehearsed(here: Path) -> Iterator[Callable[..., tuple[int, str]]]:
    """Return a function that rehearses, with faults, and returns exit code and words."""

    def rehearse(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "mesosweep", "rehearse", *FAULTS, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
        )
        return done.returncode, done.stdout

    yield rehearse
    if (cloud := rehearsing.found(here / "rehearsal")) is not None:
        cloud.end()


def played_faults(here: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the preemptions of a rehearsal, and how many replies were lost."""
    lines = (here / "rehearsal/events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    taken = [event for event in events if event["event"] == "preempted"]
    return taken, sum(event.get("lost_reply", False) for event in events)


@pytest.mark.slow
def test_a_stage_is_learned_by_a_trial_whose_machine_is_taken_and_whose_job_no_reply_told_of(
    rehearsed: Callable[..., tuple[int, str]], mesosweep: Mesosweep, here: Path, checked: Checked
) -> None:
    code, told = rehearsed("launch", "--stage", "1", "--trials", "1", "--wait", *RAPTOR)

    assert code == GATE_NOT_PASSED, told  # so few steps teach nobody to stand
    assert "found again as projects/" in told
    (trial,) = checked(here / BUCKET, steps=STEPS)
    assert set(trial.assignment) == {"ppo_learning_rate"}
    taken, lost_replies = played_faults(here)
    assert ([event["trial"] for event in taken], lost_replies) == (["1"], 1)
    assert (here / BUCKET / "stage1/1/worker.log").read_text().count(" pid ") == 2
    assert len(list((here / BUCKET / "_ledger").iterdir())) == 1
    # What was brought here is a checkpoint like any other.
    played = mesosweep("evaluate", "stage1", "--output-dir", "rehearsal", "--episodes=2", "--json")
    assert played.code == 0, played.err
    assert json.loads(played.out)["species"] == "velociraptor"


@pytest.mark.long
def test_a_velociraptor_is_trained_through_three_stages_over_the_whole_cloud_path(
    rehearsed: Callable[..., tuple[int, str]], mesosweep: Mesosweep, here: Path, checked: Checked
) -> None:
    code, told = rehearsed("run-all", "--trials", "2", "--parallel", "2", *RAPTOR)

    assert code == GATE_NOT_PASSED, told  # so few steps teach nobody to hunt
    assert "nothing is billed" in told
    assert "found again as projects/" in told
    bucket = here / BUCKET
    trials = checked(bucket, steps=STEPS)
    assert len(trials) == 6
    assert len({json.dumps(dict(trial.assignment)) for trial in trials}) == 6
    # Each stage starts from the winner of the one before.
    stages = json.loads((bucket / "_sweep_state.json").read_text())["stages"]
    assert [stage["status"] for stage in stages] == ["finished"] * 3
    assert all(stage["verified"] is not None for stage in stages)
    won = [stage["winner"] for stage in stages]
    for stage, before in ((2, won[0]), (3, won[1])):
        for record in bucket.glob(f"stage{stage}/*/metrics.json"):
            parent = json.loads(record.read_text())["parent"]["uri"]
            assert parent.endswith(before["checkpoint"]["uri"])
    # One machine was taken away in every stage, and one reply was lost.
    taken, lost_replies = played_faults(here)
    assert [event["trial"] for event in taken] == ["1"] * 3
    assert len({event["job"] for event in taken}) == 3
    assert lost_replies == 1
    for log in bucket.glob("stage*/1/worker.log"):
        assert log.read_text().count(" pid ") == 2
    # One job a stage, and no more.
    assert len(list((bucket / "_ledger").iterdir())) == 3
    # What was brought here is a checkpoint like any other.
    kept = ("--output-dir", "rehearsal")
    played = mesosweep("evaluate", "stage3", *kept, "--episodes", "2", "--json")
    assert played.code == 0, played.err
    assert json.loads(played.out)["species"] == "velociraptor"
