"""`run-all` and `launch` from the first word to the last."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mesosweep.testing.command import Mesosweep

COUNTING = (
    *("--species", "counting", "--algorithm", "count", "--sampler", "random"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
    *("--parallel", "2", "--no-check"),
)


def test_a_sweep_ends_with_its_table_and_the_next_command(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep("run-all", *COUNTING, "--trials", "2", "--events", "events.jsonl")

    assert said.code == 0, said.err
    for words in ("verified (95 %)", "over doing nothing", "over random action", "gate"):
        assert words in said.out
    (first, *_) = [line for line in said.out.splitlines() if "best_model.zip" in line]
    assert (here / first.split(": ")[1]).is_file()
    assert "Next\n  mesosweep " in said.out
    assert "sweep of counting with count starts" in said.err
    assert "\x1b" not in said.out + said.err
    events = [json.loads(line) for line in (here / "events.jsonl").read_text().splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["sweep_started", "sweep_finished"]


def test_a_sweep_leaves_each_stages_results_and_how_it_was_run(
    mesosweep: Mesosweep, here: Path
) -> None:
    words = ("run-all", *COUNTING, "--trials", "2")
    mesosweep(*words)

    (root,) = here.glob("sweeps/*/*")
    told = [len((root / f"_stage{n}_results.csv").read_text().splitlines()) for n in (1, 2, 3)]
    assert told == [3, 3, 3]  # a header, and a line for each trial
    (line,) = (root / "commands.jsonl").read_text().splitlines()
    assert json.loads(line)["argv"] == ["mesosweep", *words]


def test_running_it_again_repeats_nothing(mesosweep: Mesosweep) -> None:
    words = ("run-all", *COUNTING, "--trials", "2")
    first = mesosweep(*words)

    again = mesosweep(*words)

    assert again.code == 0
    assert "finished in an earlier run" in again.err
    assert "runs" not in again.err
    assert again.out == first.out


def test_a_sweep_goes_on_in_a_folder_that_was_moved(
    mesosweep: Mesosweep, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run-all", *COUNTING, "--trials", "2")
    assert mesosweep(*words, "--output-dir", "out").code == 0
    (here / "out").rename(here / "moved")
    monkeypatch.chdir(here / "moved")

    # Its trials start from the first stage's winner, so that has to be found.
    again = mesosweep(*words, "--trials-stage2", "3")

    assert again.code == 0, again.err
    assert "stage 1: finished in an earlier run" in again.err
    assert "stage 2: trial 2 finished" in again.err
    assert not (here / "out").exists()


def test_launch_all_is_run_all(mesosweep: Mesosweep, here: Path) -> None:
    assert mesosweep("launch-all", *COUNTING, "--trials", "1").code == 0

    assert (here / "sweeps/counting/count/sweep_state_counting_count.json").is_file()


def test_a_missed_gate_is_exit_3_with_the_table(mesosweep: Mesosweep) -> None:
    words = ("launch", *COUNTING, "--trials", "1", "--override", "count.fault=none")
    gate = ("--stage-dir", "strict")
    export = mesosweep("stages", "export", "counting", "strict")
    for path in map(Path, export.out.splitlines()):
        rest, _, _ = path.read_text().partition("[curriculum.gate]")
        path.write_text(f"{rest}\n[curriculum.gate]\nmin_avg_reward = 1e9\n")

    forced = mesosweep(*words, *gate)
    stopped = mesosweep(*words, *gate, "--on-gate-fail", "stop", "--output-dir", "other")

    assert forced.code == 3
    assert "not passed" in forced.out
    assert "gate not passed; reward" in forced.out
    assert stopped.code == 3
    assert "no trial passed the gate" in stopped.error
    assert "What is missing" in stopped.out


def test_a_stage_without_any_result_shows_what_happened(mesosweep: Mesosweep) -> None:
    said = mesosweep("launch", *COUNTING, "--trials", "3", "--override", "count.fault=fail")

    assert said.code == 4
    assert "in a row ended alike" in said.error
    assert "3 trials without a result" in said.out


def test_status_tells_the_same_as_the_sweep(mesosweep: Mesosweep, here: Path) -> None:
    mesosweep("run-all", *COUNTING, "--trials", "2", "--output-dir", "runs")

    shown = mesosweep("status", "--output-dir", "runs")
    told = json.loads(mesosweep("status", "--output-dir", "runs", "--json").out)

    assert "verified (95 %)" in shown.out
    assert (told["species"], told["algorithm"], told["attempt"]) == ("counting", "count", 0)
    assert [len(stage["trials"]) for stage in told["stages"]] == [2] * len(told["stages"])
    assert all(stage["winner"]["checkpoint"] for stage in told["stages"])


def test_no_resume_begins_beside_what_there_is(mesosweep: Mesosweep, here: Path) -> None:
    words = ("launch", *COUNTING, "--trials", "1")
    mesosweep(*words)

    said = mesosweep(*words, "--no-resume")

    assert said.code == 0
    assert {path.name for path in here.glob("sweeps/*/*/stage*")} == {"stage1", "stage1_a1"}


def test_the_end_of_a_trials_log_is_printed(mesosweep: Mesosweep) -> None:
    mesosweep("launch", *COUNTING, "--trials", "1")

    said = mesosweep("logs", "stage1/0")

    assert said.code == 0
    assert "mesosweep trial --species=counting" in said.out
    assert said.err.strip().endswith("worker.log")
    assert mesosweep("logs", "0", "--stage", "1").out == said.out
    assert "No trial 'stage1/7'" in mesosweep("logs", "stage1/7").error


def test_a_trial_runs_by_hand_and_goes_on(mesosweep: Mesosweep, here: Path) -> None:
    words = ("trial", *COUNTING[:4], "--timesteps=20", "--eval-freq=10", "--panel-episodes=4")

    said = mesosweep(*words, "--count_gain", "1e-1")

    assert said.code == 0, said.err
    record = json.loads((here / "trials/local/metrics.json").read_text())
    assert record["parameters"]["count.gain"] == 0.1
    assert "trials/local/metrics.json" in said.out


def test_what_no_flag_says_of_a_trial_the_environment_may_say(
    mesosweep: Mesosweep, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "SPECIES": "counting",
        "ALGORITHM": "count",
        "TIMESTEPS": "999",
        "TIMESTEPS_STAGE1": "30",
        "N_ENVS": "3",
        "EVAL_FREQ": "10",
        "SEED": "7",
        "OUTPUT_DIR": "elsewhere",
    }.items():
        monkeypatch.setenv(f"MESOSWEEP_{name}", value)

    said = mesosweep("trial", "--n-envs", "2", "--panel-episodes", "4")

    assert said.code == 0, said.err
    run = json.loads((here / "elsewhere/local/stage_config.json").read_text())["run"]
    assert (run["timesteps"], run["n_envs"], run["eval_freq"]) == (30, 2, 10)
    assert run["sweep_seed"] == 7


def test_a_variable_that_makes_no_sense_is_named(
    mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESOSWEEP_N_ENVS", "many")

    said = mesosweep("trial", *COUNTING[:4])

    assert said.code == 2
    assert "MESOSWEEP_N_ENVS: must be a whole number of at least 1 (got many)" in said.error


@pytest.mark.slow
def test_the_environment_of_a_sweep_cannot_make_a_trial_differ_from_its_order(here: Path) -> None:
    words = ["launch", *COUNTING, "--trials", "2", "--seed", "1", "--n-envs", "2"]
    words += ["--eval-episodes", "3", "--device", "cpu"]
    others = {"TIMESTEPS": "40", "N_ENVS": "5", "SEED": "9", "EVAL_FREQ": "5", "DEVICE": "cuda"}
    others |= {"EVAL_EPISODES": "6", "PANEL_EPISODES": "9", "OUTPUT_DIR": "elsewhere"}
    others |= {"TIMESTEPS_STAGE1": "60", "ALGORITHM": "ppo", "SPECIES": "velociraptor"}
    loud = {f"MESOSWEEP_{name}": value for name, value in others.items()}

    for folder, environ in (("quiet", {}), ("loud", loud)):
        subprocess.run(
            [sys.executable, "-m", "mesosweep", *words, "--output-dir", folder],
            env={**os.environ, **environ},
            check=True,
            capture_output=True,
        )

    assert not (here / "elsewhere").exists()
    for trial in ("0", "1"):
        place = f"sweeps/counting/count/stage1/{trial}/metrics.json"
        ours, theirs = (
            json.loads((here / folder / place).read_text()) | {"training_duration_seconds": 0}
            for folder in ("quiet", "loud")
        )
        assert theirs == ours


def test_a_trial_that_fails_is_exit_1_with_its_record(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep(
        "trial", *COUNTING[:4], "--timesteps=20", "--eval-freq=10", "--count_fault=nan"
    )

    assert said.code == 1
    assert "diverged" in said.out
    assert (here / "trials/local/metrics.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_gently_and_says_how_to_go_on(here: Path, which: signal.Signals) -> None:
    words = ["launch", *COUNTING, "--trials", "2", "--override", "count.seconds=60"]
    words[words.index("20")] = "6000"
    running = subprocess.Popen(
        [sys.executable, "-m", "mesosweep", *words], stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "trial 1 runs" in line:
            break
    progress = here / "sweeps/counting/count/stage1/0/progress.jsonl"
    deadline = time.monotonic() + 60
    while not progress.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # another process is what we wait for

    running.send_signal(which)
    _, rest = running.communicate(timeout=15)

    assert running.returncode == 130
    assert "Stopping" in rest
    assert f"mesosweep {' '.join(words)}" in rest
    assert list(here.glob("sweeps/counting/count/stage1/0/checkpoint/*"))
