"""A winner is judged once, in a worker, on episodes that nobody has seen."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mesosweep.backends import _server
from mesosweep.backends._workers import LocalRunner
from mesosweep.backends.judge import judge
from mesosweep.domain.errors import BackendError, Interrupted, StoreError
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Trial
from mesosweep.ports import TrialOrder
from mesosweep.testing.backend import a_study
from mesosweep.testing.clock import FakeClock


@pytest.fixture
def study(tmp_path: Path) -> Study:
    settings = TrialSettings(timesteps=40, n_envs=1, eval_freq=20, test_episodes=50)
    return a_study(folder=str(tmp_path / "stage1"), settings=settings)


@pytest.fixture
def winner(study: Study) -> Trial:
    return trained(study, "1", gain=0.8)


def trained(study: Study, trial_id: str, *, gain: float) -> Trial:
    runner = LocalRunner()
    runner.start(TrialOrder(study, trial_id, {"count_gain": gain}, "startup"))
    while True:
        for trial in runner.poll(study):
            if trial.trial_id == trial_id and trial.has_ended:
                return trial
        runner.wait(study, FakeClock())


def test_a_winner_is_scored_beside_what_it_must_beat(study: Study, winner: Trial) -> None:
    default = trained(study, "0", gain=0.5)

    verified = judge(study, winner, default)

    assert verified.winner.episodes == 50
    assert verified.winner.exceeds(verified.zero)
    assert verified.winner.exceeds(verified.untrained)
    assert verified.default is not None
    assert verified.winner.exceeds(verified.default)
    # The very same episodes: the luck of each is the same for all.
    assert verified.winner.std_reward == pytest.approx(verified.zero.std_reward)


def test_the_verified_score_joins_the_winners_record(study: Study, winner: Trial) -> None:
    path = Path(study.folder) / "1" / "metrics.json"
    before = json.loads(path.read_text())

    verified = judge(study, winner, None)

    record = json.loads(path.read_text())
    assert record["test_mean_reward"] == verified.winner.mean_reward
    assert record["test_episodes"] == 50
    assert {key: record[key] for key in before} == before


def test_asked_again_it_does_not_play_again(study: Study, winner: Trial) -> None:
    first = judge(study, winner, None)
    path = Path(study.folder) / "1" / "verified.json"
    kept = json.loads(path.read_text())
    kept["scores"]["winner"]["mean_reward"] = 123.0
    path.write_text(json.dumps(kept))

    assert judge(study, winner, None) == replace(
        first, winner=replace(first.winner, mean_reward=123.0)
    )


def test_a_winner_of_a_later_job_is_judged_where_it_was_trained(study: Study) -> None:
    later = replace(study, attempt=1, folder=study.folder_of(1))
    winner = trained(later, "1", gain=0.8)

    verified = judge(study, winner, None)

    record = json.loads((Path(later.folder) / "1" / "metrics.json").read_text())
    assert record["test_mean_reward"] == verified.winner.mean_reward
    assert not Path(study.folder).exists()


def test_a_winner_whose_bundle_is_damaged_is_not_judged(study: Study, winner: Trial) -> None:
    (Path(study.folder) / "1" / "models" / "best_model.zip").write_text("{")

    with pytest.raises(StoreError, match=r"could not be judged: .*SHA-256 differs"):
        judge(study, winner, None)


def test_a_judge_that_goes_down_says_why(study: Study, winner: Trial) -> None:
    with pytest.raises(BackendError, match="unknown parameter"):
        judge(study, replace(winner, assignment={"count_gian": 1.0}), None)


class StoppedWorker:
    """A worker that somebody told to stop: it has ended with 130 and written nothing."""

    exitcode = 130

    def join(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


def test_a_judge_that_was_told_to_stop_interrupts_the_sweep(
    study: Study, winner: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = StoppedWorker()
    monkeypatch.setattr(_server, "start_worker", lambda *_, **__: (stopped, stopped))

    with pytest.raises(Interrupted, match="was stopped"):
        judge(study, winner, None)


def test_judging_loads_nothing_heavy_into_the_supervisor() -> None:
    code = (
        "import sys, mesosweep.backends.judge, mesosweep.backends._server, "
        "mesosweep.backends._workers\n"
        "heavy = {'torch', 'numpy', 'mujoco', 'optuna', 'gymnasium', 'pydantic'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
