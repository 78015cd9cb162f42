"""`mesosweep rehearse` as its user meets it: processes of its own, killed and found again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")

from mesosweep.cli import rehearsing
from mesosweep.domain.trial import Trial
from mesosweep.records.bundle import open_bundle
from mesosweep.testing.command import Mesosweep

COUNTING = (
    *("run-all", "--species", "counting", "--algorithm", "count", "--parallel", "2"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
    *("--no-check", "--trials", "2", "--override", "count.seconds=2"),
)


@pytest.fixture
def rehearse(here: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    def rehearse(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mesosweep", "rehearse", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
        )

    yield rehearse
    if (cloud := rehearsing.found(here / "rehearsal")) is not None:
        cloud.end()


@pytest.mark.slow
def test_a_killed_supervisor_finds_its_job_again_and_no_trial_is_trained_twice(
    *,
    rehearse: Callable[..., subprocess.Popen[str]],
    mesosweep: Mesosweep,
    here: Path,
    checked: Callable[..., list[Trial]],
) -> None:
    sweep = here / "rehearsal/buckets/rehearsal/sweeps/counting/count"
    faults = ("--preempt", "2", "--lose-reply", "CreateHyperparameterTuningJob")
    first = rehearse(*faults, *COUNTING)
    _when((sweep / "stage2/1/progress.jsonl").exists, first)

    first.send_signal(signal.SIGKILL)
    told, _ = first.communicate()
    again = rehearse(*faults, *COUNTING)
    went_on, _ = again.communicate(timeout=300)

    assert "nothing is billed" in told
    assert again.returncode == 0, went_on
    assert "stage 1: finished in an earlier run" in went_on
    assert "stage 2: found again as projects/" in went_on
    assert sorted(path.stem for path in (sweep / "_ledger").iterdir()) == [
        "stage1",
        "stage2",
        "stage3",
    ]
    events = (here / "rehearsal/events.jsonl").read_text().splitlines()
    taken = [json.loads(line) for line in events if "preempted" in line]
    assert {event["trial"] for event in taken} == {"2"}
    assert len({event["job"] for event in taken}) == 3
    assert len(taken) == 3
    assert sum("lost_reply" in line for line in events) == 1
    for log in sweep.glob("stage*/2/worker.log"):
        assert log.read_text().count(" pid ") == 2
    # What it leaves passes the checks of a local run's files.
    trials = checked(sweep, steps=20)
    assert len({json.dumps(dict(trial.assignment)) for trial in trials}) == len(trials) == 6
    stages = json.loads((sweep / "_sweep_state.json").read_text())["stages"]
    assert [stage["status"] for stage in stages] == ["finished"] * 3
    assert all(stage["verified"] is not None for stage in stages)
    for number, stage in enumerate(stages, 1):
        uri = stage["winner"]["checkpoint"]["uri"]
        winner = here / "rehearsal/sweeps/counting/count" / uri
        assert open_bundle(winner).policy == winner
        # The next stage starts from it.
        for record in sweep.glob(f"stage{number + 1}/*/metrics.json"):
            assert json.loads(record.read_text())["parent"]["uri"].endswith(uri)
    played = mesosweep("evaluate", "stage3", "--output-dir", "rehearsal", "--episodes=2", "--json")
    assert json.loads(played.out)["species"] == "counting"
    # A sweep that is finished needs no cloud any more.
    assert rehearsing.found(here / "rehearsal") is None


@pytest.mark.slow
def test_the_files_of_a_run_here_pass_the_same_checks(
    mesosweep: Mesosweep, here: Path, checked: Callable[..., list[Trial]]
) -> None:
    said = mesosweep(
        *("run-all", "--species", "counting", "--algorithm", "count", "--trials", "2"),
        *("--sampler", "random", "--timesteps", "20", "--eval-freq", "10", "--eval-episodes", "2"),
        *("--panel-episodes", "4", "--test-episodes", "4", "--no-check"),
    )

    assert said.code == 0, said.err
    root = here / "sweeps/counting/count"
    assert len(checked(root, steps=20)) == 6
    stages = json.loads((root / "sweep_state_counting_count.json").read_text())["stages"]
    assert [stage["status"] for stage in stages] == ["finished"] * 3
    assert all(stage["verified"] is not None for stage in stages)


@pytest.mark.slow
def test_a_rehearsed_cloud_is_ended_by_its_word(
    mesosweep: Mesosweep, here: Path, rehearse: Callable[..., subprocess.Popen[str]]
) -> None:
    rehearse("jobs", "list").communicate(timeout=120)
    cloud = rehearsing.found(here / "rehearsal")
    assert cloud is not None

    stopped = mesosweep("rehearse", "stop")

    assert f"pid {cloud.pid}" in stopped.err
    with pytest.raises(ProcessLookupError):
        os.kill(cloud.pid, 0)
    assert "No rehearsed cloud" in mesosweep("rehearse", "stop").err


BEGUN = ("--preempt", "2", "--lose-reply", "CreateHyperparameterTuningJob", "--seed", "7")


@pytest.mark.slow
def test_a_rehearsal_goes_on_with_the_flags_it_was_begun_with_and_no_others(
    mesosweep: Mesosweep, here: Path, rehearse: Callable[..., subprocess.Popen[str]]
) -> None:
    (here / "faults.json").write_text('{"service": {"late_listing_s": 1}}')
    begun = (*BEGUN, "--faults", "faults.json")
    rehearse(*begun, "jobs", "list").communicate(timeout=120)
    cloud = rehearsing.found(here / "rehearsal")
    assert cloud is not None

    for agreed in (begun, BEGUN, ("--seed", "7"), ()):
        assert mesosweep("rehearse", *agreed, "jobs", "list").code == 0
    (here / "faults.json").write_text("{}")
    for other, told in (
        (("--preempt", "1"), "begun with --preempt 2, not with --preempt 1"),
        (("--seed", "8"), "begun with --seed 7, not with --seed 8"),
        (("--lose-reply", "CancelHyperparameterTuningJob"), "not with --lose-reply Cancel"),
        (("--faults", "faults.json"), "what --faults holds is not what it was begun with"),
    ):
        said = mesosweep("rehearse", *other, "jobs", "list")
        assert said.code == 2
        assert f"A rehearsed cloud is served already (pid {cloud.pid})" in said.error
        assert told in said.error
        assert "end it first: mesosweep rehearse stop" in said.err


def test_what_a_rehearsal_was_begun_without_is_said_so() -> None:
    begun = rehearsing.Begun()

    assert rehearsing.Begun(seed=0).differences(begun) == []
    assert rehearsing.Begun(preempt=["1", "2"]).differences(begun) == [
        "it was begun without --preempt, not with --preempt 1 --preempt 2"
    ]
    assert rehearsing.Begun(seed=3).differences(begun) == [
        "it was begun with --seed 0, not with --seed 3"
    ]


def test_the_same_command_is_the_one_with_its_faults() -> None:
    rehearsal = rehearsing.Rehearsal(Path("x"), 1.0, ("rehearse", "--folder", "x"), BEGUN)

    assert rehearsal.again == ("rehearse", "--folder", "x", *BEGUN)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("launhc",), "'launhc' is no command that can be rehearsed"),
        (("run-all", "--api-endpoint", "x"), "--api-endpoint would lead out of the rehearsal"),
        (("--faults", "none.json", "status"), "none.json: cannot be read as JSON"),
    ],
)
def test_what_cannot_be_rehearsed_is_said_before_anything_starts(
    mesosweep: Mesosweep, here: Path, words: tuple[str, ...], complaint: str
) -> None:
    said = mesosweep("rehearse", *words)

    assert said.code == 2
    assert complaint in said.error
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_a_fault_that_cannot_be_played_ends_nothing_half_started(
    mesosweep: Mesosweep, here: Path
) -> None:
    said = mesosweep("rehearse", "--lose-reply", "CreateHyperparameterTuningJobs", "jobs", "list")

    assert said.code == 2
    assert "CreateHyperparameterTuningJobs" in said.error
    assert rehearsing.found(here / "rehearsal") is None


def _when(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(6_000):
        if is_so():
            return
        assert process.poll() is None, process.communicate()[0]
        threading.Event().wait(0.05)
    raise AssertionError("it never came to that")
