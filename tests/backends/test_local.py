"""Real processes, real folders: what the engine and the user may rely on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mesosweep.backends._workers import LocalRunner
from mesosweep.backends.local import open_backend
from mesosweep.domain.errors import CheckpointDamaged, StateDamaged, StoreUnreachable
from mesosweep.domain.space import Assignment
from mesosweep.domain.stopping import Stopping
from mesosweep.domain.study import JobRef, Study, StudySnapshot, TrialSettings
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.ports import Backend, Clock, TrialOrder
from mesosweep.samplers.random import RandomSampler
from mesosweep.testing.backend import BackendSuite, a_study


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class TestLocalBackend(BackendSuite):
    failing: ClassVar[Assignment] = {"count_gain": 0.5, "count_fault": "fail"}

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "stage1"

    def open_backend(self) -> Backend:
        return open_backend(sampler=RandomSampler())

    def study(self) -> Study:
        return a_study(folder=str(self.folder))

    def clock(self) -> Clock:
        return RealClock()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return a_study(folder=str(tmp_path / "stage1"), trials=1)


@pytest.fixture
def runner(study: Study) -> Iterator[LocalRunner]:
    runner = LocalRunner()
    yield runner
    runner.stop(study, gently=False)


def test_a_trial_leaves_its_record_and_nothing_that_is_only_for_going_on(
    runner: LocalRunner, study: Study
) -> None:
    trial = run(runner, study, {"count_gain": 0.7})

    folder = Path(study.folder) / "1"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("hypertune", "lease", "metrics.json", "models", "order.json"),
        *("progress.jsonl", "stage_config.json", "worker.log"),
    ]
    assert trial.status == "finished"
    assert dict(trial.assignment) == {"count_gain": 0.7}
    assert trial.checkpoint is not None
    assert Path(trial.checkpoint.uri) == folder / "models" / "best_model.zip"


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("fail", "failed", "RuntimeError: told to fail half-way"),
        ("die", "failed", "killed by SIGKILL"),
        ("nan", "diverged", "the loss is nan"),
    ],
)
def test_the_end_of_a_bad_trial_is_recorded_with_its_cause(
    runner: LocalRunner, study: Study, fault: str, status: str, reason: str
) -> None:
    trial = run(runner, study, {"count_gain": 0.7, "count_fault": fault})

    assert (trial.status, trial.reason) == (status, reason)
    assert not (Path(study.folder) / "1" / "checkpoint").exists()
    assert json.loads((Path(study.folder) / "1" / "metrics.json").read_text())["reason"] == reason


def test_a_trial_that_stands_still_is_ended_in_time(runner: LocalRunner, study: Study) -> None:
    impatient = replace(study, trial_timeout_s=0.7)

    trial = run(runner, impatient, {"count_gain": 0.7, "count_fault": "hang"})

    assert trial.status == "timed_out"
    assert 25 <= (trial.steps_trained or 0) <= 50
    assert trial.reason == "no end within 0.7 s (--trial-timeout)"


def test_without_a_time_limit_a_worker_that_falls_silent_is_ended(study: Study) -> None:
    watchful = LocalRunner(stall_s=1.0)

    trial = run(watchful, study, {"count_gain": 0.7, "count_fault": "hang"})

    assert trial.status == "timed_out"
    assert "no sign of life for" in (trial.reason or "")


def test_a_worker_that_cannot_even_begin_says_why(runner: LocalRunner, study: Study) -> None:
    trial = run(runner, study, {"count_gian": 0.7})

    assert trial.status == "failed"
    assert trial.reason is not None
    assert trial.reason.startswith("ended with exit code 2: --count_gian: unknown parameter")


def test_what_a_trial_printed_or_logged_is_kept(runner: LocalRunner, study: Study) -> None:
    run(runner, study, {"count_gain": 0.7, "count_fault": "fail"})

    log = (Path(study.folder) / "1" / "worker.log").read_text()
    assert "CLOUD_ML_TRIAL_ID=1 mesosweep trial --species=counting" in log
    assert "mesosweep.testing.counting: misbehaves: fail" in log
    assert "Traceback" in log


def test_the_same_words_run_the_same_trial_by_hand(
    runner: LocalRunner, study: Study, tmp_path: Path
) -> None:
    run(runner, study, {"count_gain": 0.7, "env_noise": 0.2})
    order = json.loads((Path(study.folder) / "1" / "order.json").read_text())

    done = subprocess.run(
        [sys.executable, "-m", *order["command"], f"--output-dir={tmp_path / 'by hand'}"],
        env={**os.environ, "CLOUD_ML_TRIAL_ID": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    ours, theirs = (
        json.loads((folder / "1" / "metrics.json").read_text()) | {"training_duration_seconds": 0}
        for folder in (Path(study.folder), tmp_path / "by hand")
    )
    assert theirs == ours


def test_a_trial_that_ended_is_never_run_again(runner: LocalRunner, study: Study) -> None:
    first = run(runner, study, {"count_gain": 0.7})

    second = LocalRunner()
    (known,) = second.known(study)
    second.start(TrialOrder(study, "1", {"count_gain": 0.7}, "startup"))

    assert known == first
    assert second.capacity(study) == study.parallel
    assert len(began(study)) == 1


def test_stopped_gently_a_trial_goes_on_where_it_was(runner: LocalRunner, study: Study) -> None:
    slow = {"count_gain": 0.7, "count_seconds": 3.0, "count_stride": 1}
    runner.start(TrialOrder(study, "1", slow, "startup"))
    until(lambda: step_of(runner, study) >= 7)

    runner.stop(study, gently=True)
    (stopped,) = runner.known(study)
    stopped_at = max(int(path.name) for path in (Path(study.folder) / "1/checkpoint").iterdir())
    trial = run(LocalRunner(), study, slow)

    assert stopped.status == "running"
    assert 7 <= stopped_at < 100
    assert trial.status == "finished"
    first = lines(study)[0]["pid"]
    assert next(line["step"] for line in lines(study) if line["pid"] != first) == stopped_at


def test_a_trial_without_a_chance_is_stopped_keeps_its_best_and_stays_stopped(study: Study) -> None:
    slow = {"count_gain": 0.1, "count_seconds": 20.0, "count_stride": 1}
    good = {"count_gain": 0.9, "count_seconds": 0.0, "count_stride": 25}
    searched = replace(
        study,
        trials=6,
        parallel=1,
        enqueued=(*[good] * 5, slow),
        stopping=Stopping("median", timesteps=100),
    )
    backend = open_backend(sampler=RandomSampler())

    snapshot = settled(backend, backend.submit(backend.prepare(searched)))

    last = snapshot.trials[-1]
    assert [trial.status for trial in snapshot.trials] == [*["finished"] * 5, "stopped"]
    assert "below the median" in (last.reason or "")
    assert 25 <= (last.steps_trained or 0) < 100
    assert last.panel is None
    assert last.checkpoint is not None
    assert Path(last.checkpoint.uri).exists()
    reopened = open_backend(sampler=RandomSampler())
    assert settled(reopened, reopened.submit(reopened.prepare(searched))) == snapshot


def test_an_orphan_ends_at_once_and_publishes_nothing(runner: LocalRunner, study: Study) -> None:
    slow = {"count_gain": 0.7, "count_seconds": 30.0, "count_stride": 1}
    runner.start(TrialOrder(study, "1", slow, "startup"))
    until(lambda: step_of(runner, study) >= 2)
    worker = runner._studies[study.key].workers["1"]

    worker.pipe.close()
    before = time.monotonic()
    worker.process.join(5)

    assert time.monotonic() - before < 5
    assert worker.process.exitcode == 3
    assert not (Path(study.folder) / "1" / "metrics.json").exists()


def test_a_left_over_worker_is_ended_before_its_trial_goes_on(
    runner: LocalRunner, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesosweep.records.lease.free.__kwdefaults__", {"patience_s": 0.1})
    stuck = {"count_gain": 0.7, "count_seconds": 30.0, "count_stride": 1}
    runner.start(TrialOrder(study, "1", stuck, "startup"))
    until(lambda: step_of(runner, study) >= 2)
    left_over = runner._studies[study.key].workers["1"].process
    assert left_over.pid is not None
    os.kill(left_over.pid, signal.SIGSTOP)

    second = LocalRunner()
    second.known(study)
    second.start(TrialOrder(study, "1", stuck, "startup"))
    until(lambda: len(began(study)) == 2)
    left_over.join(5)
    second.stop(study, gently=False)

    assert left_over.exitcode == -signal.SIGKILL


def test_a_lost_fork_server_costs_no_trial(runner: LocalRunner, study: Study) -> None:
    from multiprocessing.forkserver import _forkserver

    slow = {"count_gain": 0.7, "count_seconds": 1.0, "count_stride": 1}
    runner.start(TrialOrder(study, "1", slow, "startup"))
    until(lambda: step_of(runner, study) >= 30)

    os.kill(_forkserver._forkserver_pid, signal.SIGKILL)  # type: ignore[attr-defined]
    trial = finished(runner, study)

    assert (trial.status, trial.steps_trained) == ("finished", 100)
    assert len(began(study)) == 2


def test_ctrl_c_reaches_no_worker(runner: LocalRunner, study: Study) -> None:
    slow = {"count_gain": 0.7, "count_seconds": 0.5, "count_stride": 1}
    runner.start(TrialOrder(study, "1", slow, "startup"))
    worker = runner._studies[study.key].workers["1"].process
    assert worker.pid is not None

    with suppress(ProcessLookupError):
        os.kill(worker.pid, signal.SIGINT)

    assert finished(runner, study).status == "finished"


def test_told_to_end_by_the_system_a_trial_goes_on(runner: LocalRunner, study: Study) -> None:
    slow = {"count_gain": 0.7, "count_seconds": 1.0, "count_stride": 1}
    runner.start(TrialOrder(study, "1", slow, "startup"))
    until(lambda: step_of(runner, study) >= 5)
    worker = runner._studies[study.key].workers["1"].process
    assert worker.pid is not None

    os.kill(worker.pid, signal.SIGTERM)

    assert finished(runner, study).status == "finished"
    assert len(began(study)) == 2


def test_a_worker_has_one_thread_and_no_command_line(runner: LocalRunner, study: Study) -> None:
    slow = {"count_gain": 0.7, "count_seconds": 30.0}
    runner.start(TrialOrder(study, "1", slow, "startup"))
    until(lambda: step_of(runner, study) >= 0 and bool(began(study)))
    worker = runner._studies[study.key].workers["1"].process

    # The environment of the server that it was forked from.
    environ = Path(f"/proc/{worker.pid}/environ").read_bytes().split(b"\0")
    assert b"OMP_NUM_THREADS=1" in environ
    assert "OMP_NUM_THREADS" not in os.environ or os.environ["OMP_NUM_THREADS"] == "1"


def test_a_damaged_parent_is_found_before_anything_starts(
    runner: LocalRunner, study: Study, tmp_path: Path
) -> None:
    torn = replace(study, load=Checkpoint(str(tmp_path / "best_model.zip"), "best", "1"))

    with pytest.raises(CheckpointDamaged):
        runner.start(TrialOrder(torn, "1", {"count_gain": 0.7}, "startup"))

    assert not Path(study.folder).exists()


@pytest.mark.parametrize("name", ["metrics.json", "order.json"])
def test_a_record_cut_in_half_is_refused_with_its_place(
    runner: LocalRunner, study: Study, name: str
) -> None:
    run(runner, study, {"count_gain": 0.7})
    path = Path(study.folder) / "1" / name
    path.write_text(path.read_text()[:30])

    with pytest.raises(StateDamaged, match=name) as refused:
        LocalRunner().known(study)

    assert refused.value.exit_code == 5


def test_a_stage_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(study: Study) -> None:
    Path(study.folder).write_text("in the way")

    with pytest.raises(StoreUnreachable):
        LocalRunner().known(study)


def test_a_supervisor_that_breaks_does_not_wait_for_its_workers(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from mesosweep.backends._workers import LocalRunner\n"
        "from mesosweep.ports import TrialOrder\n"
        "from mesosweep.testing.backend import a_study\n"
        "slow = {'count_seconds': 600.0, 'count_stride': 1}\n"
        "LocalRunner().start(TrialOrder(a_study(folder=sys.argv[1]), '1', slow, 'startup'))\n"
        "raise SystemExit(7)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60, capture_output=True
    )

    assert (done.returncode, done.stderr) == (7, b"")


@pytest.mark.slow
def test_trials_that_do_nothing_cost_little(study: Study) -> None:
    many = replace(
        study,
        trials=60,
        parallel=2,
        settings=TrialSettings(timesteps=10, n_envs=1, eval_freq=10, save_freq=100),
    )
    backend = open_backend(sampler=RandomSampler())
    settled(backend, backend.submit(backend.prepare(replace(many, trials=1))))

    before, worked = time.monotonic(), time.process_time()
    snapshot = settled(backend, backend.submit(backend.prepare(many)))
    each_s = (time.monotonic() - before) / 60
    supervisor_s = (time.process_time() - worked) / 60

    assert len(snapshot.trials) == 60
    assert supervisor_s < 0.02
    # `benchmarks/overhead.py` shows under 50 ms; a machine that others use is slower.
    assert each_s < 0.5


def run(runner: LocalRunner, study: Study, assignment: Assignment) -> Trial:
    runner.known(study)
    runner.start(TrialOrder(study, "1", assignment, "startup"))
    return finished(runner, study)


def finished(runner: LocalRunner, study: Study) -> Trial:
    for _ in range(200):
        (trial,) = runner.poll(study)
        if trial.has_ended:
            return trial
        runner.wait(study, RealClock())
    raise AssertionError(f"still running: {trial}")


def settled(backend: Backend, job: JobRef) -> StudySnapshot:
    while (snapshot := backend.poll(job)).state == "running":
        backend.wait(job, RealClock())
    return snapshot


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def step_of(runner: LocalRunner, study: Study) -> int:
    (trial,) = runner.poll(study)
    return trial.progress.step if trial.progress else 0


def lines(study: Study) -> list[Mapping[str, Any]]:
    text = (Path(study.folder) / "1" / "progress.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def began(study: Study) -> list[str]:
    """Return one line per process that ever took up the trial."""
    log = Path(study.folder) / "1" / "worker.log"
    text = log.read_text() if log.exists() else ""
    return [line for line in text.splitlines() if line.startswith("# ")]
