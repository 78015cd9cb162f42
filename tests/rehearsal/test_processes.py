"""Trials as processes of this machine, as their containers would be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mesosweep.rehearsal.processes import GRACE_S, ProcessRunner
from mesosweep.rehearsal.running import Exit, Launch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PYTHON = (sys.executable, "-I", "-S", "-c")
PATIENCE_S = 60.0
REPORT = """
import json, os
path = os.environ["CLOUD_ML_HP_METRIC_FILE"]
with open(path, "a") as file:
    for step in 1, 2:
        file.write(json.dumps({"reward": str(step), "global_step": str(step), "timestamp": 0}) + "\\n")
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[ProcessRunner]:
    runner = ProcessRunner(tmp_path / "runs", inherited={"PATH": os.environ["PATH"]})
    yield runner
    runner.close()


def until(holds: Callable[[], object]) -> None:
    """Wait for another process, which no clock of ours moves on."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "the process takes too long"
        time.sleep(0.01)


def launch(code: str, *words: str, **env: str) -> Launch:
    return Launch("77", "1", (*PYTHON, code, *words), env, ("reward",))


def run(runner: ProcessRunner, order: Launch) -> Exit:
    runner.start(order, now=NOW)
    until(lambda: runner.look("77", now=NOW).exit)
    ended = runner.look("77", now=NOW).exit
    assert ended is not None
    return ended


def test_a_process_gets_its_words_its_variables_and_nothing_of_the_terminals_settings(
    tmp_path: Path,
) -> None:
    told = tmp_path / "told.json"
    inherited = {"PATH": "/bin", "HOME": "/home/me", "MESOSWEEP_SEED": "1", "WANDB_API_KEY": "s"}
    runner = ProcessRunner(tmp_path / "runs", env={"EXTRA": "1"}, inherited=inherited)
    code = (
        "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open(sys.argv[1], 'w'))"
    )

    ended = run(runner, launch(code, str(told), "--x=0.5", CLOUD_ML_TRIAL_ID="1"))

    argv, env = json.loads(told.read_text())
    assert ended == Exit(0)
    assert argv == [str(told), "--x=0.5"]
    assert (env["CLOUD_ML_TRIAL_ID"], env["HOME"], env["EXTRA"]) == ("1", "/home/me", "1")
    assert env["CLOUD_ML_HP_METRIC_FILE"].startswith(str(tmp_path / "runs" / "77"))
    # What belongs to this interpreter is found first: no image brings it along.
    assert env["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/bin"]
    assert not {"MESOSWEEP_SEED", "WANDB_API_KEY"} & env.keys()


def test_reports_are_read_while_and_after_it_runs(runner: ProcessRunner) -> None:
    run(runner, launch(REPORT))

    reports = runner.look("77", now=NOW).reports

    assert [(m.step, m.metrics["reward"]) for m in reports] == [(1, 1.0), (2, 2.0)]


def test_the_last_thing_said_is_why_it_failed_with_its_hint(runner: ProcessRunner) -> None:
    says = r"no such species\n  known: rex"

    ended = run(runner, launch(f"import sys; print('loading', flush=True); sys.exit('{says}')"))

    assert ended == Exit(1, "no such species known: rex")
    lines = runner.log("77").read_text().splitlines()
    assert lines == ["loading", "no such species", "  known: rex"]


def test_what_cannot_be_started_has_failed(runner: ProcessRunner) -> None:
    ended = run(runner, Launch("77", "1", ("no-such-command",), {}, ()))

    assert ended.code == 127
    assert "no-such-command" in ended.says


def test_a_signal_is_told_as_shells_do(runner: ProcessRunner) -> None:
    ended = run(runner, launch("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))

    assert ended.code == 137


HOLD = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {HOLD}"


def test_a_process_is_asked_to_stop(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.start(launch(HOLD, str(tmp_path / "up")), now=NOW)
    until((tmp_path / "up").exists)

    runner.stop("77", now=NOW)

    until(lambda: runner.look("77", now=NOW).exit)
    seen = runner.look("77", now=NOW).exit
    assert seen is not None
    assert seen.code == 128 + signal.SIGTERM


def test_who_does_not_stop_is_killed_after_a_while(runner: ProcessRunner, tmp_path: Path) -> None:
    runner.start(launch(STUBBORN, str(tmp_path / "up")), now=NOW)
    until((tmp_path / "up").exists)
    runner.stop("77", now=NOW)

    assert runner.look("77", now=NOW + timedelta(seconds=GRACE_S - 1)).exit is None
    assert runner.look("77", now=NOW + timedelta(seconds=GRACE_S)).exit == Exit(-9)


def test_a_restarted_process_reports_anew_and_nothing_is_forgotten(runner: ProcessRunner) -> None:
    run(runner, launch(REPORT))
    run(runner, launch(REPORT.replace("1, 2", "3,")))

    assert [m.step for m in runner.look("77", now=NOW).reports] == [1, 2, 3]


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    """Whoever runs trials may be killed without a word; its trials die with it."""
    supervisor = f"""
import pathlib, sys, time
from datetime import datetime, UTC
from mesosweep.rehearsal.processes import ProcessRunner
from mesosweep.rehearsal.running import Launch
runner = ProcessRunner(pathlib.Path(sys.argv[1]))
code = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"
argv = ({sys.executable!r}, "-c", code, sys.argv[2])
runner.start(Launch("77", "1", argv, {{}}, ()), now=datetime.now(UTC))
time.sleep(600)
"""
    told = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", supervisor, str(tmp_path), str(told)]) as process:
        until(lambda: told.exists() and told.read_text())
        process.kill()
    trial = int(told.read_text())

    until(lambda: not _is_alive(trial))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody collects, as in a container without init, is dead all the same.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
