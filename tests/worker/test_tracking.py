"""A tracker that breaks takes nothing with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal

import pytest

from mesosweep.domain.errors import PluginNotFound
from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.plugins import Registry
from mesosweep.testing.tracker import a_trial, an_evaluation
from mesosweep.worker import trial as trial_module
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.tracking import sweep_of, tracking
from mesosweep.worker.trial import run_trial

Moment = Literal["open", "evaluated", "stepped", "ended", "close", "never"]
EVALUATION = an_evaluation(10, 1.0)


@dataclass
class Listener:
    """A tracker that remembers what it heard, and may break at a moment."""

    breaks: Moment = "never"

    def __post_init__(self) -> None:
        self.heard: list[object] = []
        self.orders: list[Mapping[str, Any]] = []

    @contextmanager
    def __call__(self, order: Mapping[str, Any]) -> Iterator[Listener]:
        self.orders.append(order)
        self._at("open", "opened")
        try:
            yield self
        finally:
            self._at("close", "closed")

    def evaluated(self, evaluation: Evaluation) -> None:
        self._at("evaluated", evaluation)

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        self._at("stepped", (step, dict(values)))

    def ended(self, trial: Trial) -> None:
        self._at("ended", trial)

    def _at(self, moment: Moment, what: object) -> None:
        self.heard.append(what)
        if self.breaks == moment:
            raise ConnectionError("no network")


class _Given(Registry):
    """A registry with these trackers; importlib mode lends a test module no stable name."""

    def __init__(self, **trackers: Listener) -> None:
        super().__init__([EntryPoint(name, "none:none", "mesosweep.trackers") for name in trackers])
        self._trackers = trackers

    def get(self, kind: Any, name: str) -> Any:
        return self._trackers[name] if name in self._trackers else super().get(kind, name)


def test_every_tracker_hears_everything_and_is_closed() -> None:
    one, other = Listener(), Listener()
    ended = a_trial()

    with tracking(["one", "other"], {}, registry=_Given(one=one, other=other)) as track:
        track.evaluated(EVALUATION)
        track.stepped(20, {"loss": 1.0})
        track.ended(ended)

    assert one.heard == ["opened", EVALUATION, (20, {"loss": 1.0}), ended, "closed"]
    assert other.heard == one.heard


@pytest.mark.parametrize("moment", ["open", "evaluated", "stepped", "ended", "close"])
def test_one_that_breaks_is_let_go_and_told_of_once(
    moment: Moment, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, sound = Listener(moment), Listener()

    with tracking(["broken", "sound"], {}, registry=_Given(broken=broken, sound=sound)) as track:
        for _ in range(2):
            track.evaluated(EVALUATION)
            track.stepped(20, {})
        track.ended(a_trial())

    assert capsys.readouterr().err == "Tracker 'broken' was let go: no network\n"
    assert len(sound.heard) == 7
    if moment in ("evaluated", "stepped", "ended"):
        assert broken.heard[-1] == "closed"


def test_what_stops_a_trial_passes_through_and_closes_them() -> None:
    listener = Listener()

    with pytest.raises(KeyboardInterrupt), tracking(["it"], {}, registry=_Given(it=listener)):
        raise KeyboardInterrupt

    assert listener.heard == ["opened", "closed"]


def test_an_unknown_tracker_is_refused_before_anything_happens() -> None:
    listener = Listener()

    with (
        pytest.raises(PluginNotFound),
        tracking(["it", "wadnb"], {}, registry=_Given(it=listener)),
    ):
        raise AssertionError("it was opened")

    assert listener.heard == []


def request(tmp_path: Path, **more: Any) -> TrialRequest:
    said = {"species": "counting", "algorithm": "count", "stage": 1, "timesteps": 40}
    place = {"output_dir": tmp_path / "sweep" / "stage1", "trial_id": "3", "trackers": ("it",)}
    return TrialRequest(**{**said, "eval_freq": 20, "save_freq": 10, **place, **more})


def test_a_trial_tells_its_curve_its_result_and_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    _install(monkeypatch, listener)

    trial = run_trial(request(tmp_path))

    (order,) = listener.orders
    assert order["folder"] == str(tmp_path / "sweep/stage1/3")
    assert (order["step"], order["timesteps"], order["seed"]) == (0, 40, trial.seed)
    assert order["parameters"] == trial.parameters
    evaluations = [heard for heard in listener.heard if isinstance(heard, Evaluation)]
    assert [evaluation.step for evaluation in evaluations] == [20, 40]
    assert any(isinstance(heard, tuple) and "learning_rate" in heard[1] for heard in listener.heard)
    assert listener.heard[-2:] == [trial, "closed"]


def test_a_trial_that_goes_on_says_from_where_and_has_not_ended_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    _install(monkeypatch, listener)
    asked: list[int] = []

    def soon() -> bool:
        asked.append(0)
        return len(asked) > 8

    assert run_trial(request(tmp_path), stop=soon).status == "running"
    assert not any(isinstance(heard, Trial) for heard in listener.heard)
    assert run_trial(request(tmp_path)).status == "finished"

    first, second = listener.orders
    assert first["step"] == 0
    assert 0 < second["step"] < 40
    assert first["sweep"] == second["sweep"]


@pytest.mark.parametrize("moment", ["open", "evaluated", "stepped", "ended", "close"])
def test_a_trial_whose_tracker_breaks_ends_as_if_it_had_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    moment: Moment,
) -> None:
    _install(monkeypatch, Listener(moment))

    trial = run_trial(request(tmp_path / "tracked"))

    alone = run_trial(request(tmp_path / "alone", trackers=()))
    assert capsys.readouterr().err == "Tracker 'it' was let go: no network\n"
    assert trial.status == "finished"
    assert (trial.panel, trial.best_mean_reward) == (alone.panel, alone.best_mean_reward)


@pytest.mark.slow
def test_both_trackers_that_come_with_us_draw_the_same_curve_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wandb = pytest.importorskip("wandb")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")

    trial = run_trial(request(tmp_path, trackers=("wandb", "tensorboard")))

    wandb.teardown()
    folder = tmp_path / "sweep/stage1/3"
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    (result,) = events.Scalars("result/best_mean_reward")
    assert result.value == pytest.approx(trial.best_mean_reward)
    (run,) = folder.glob("wandb/offline-run-*/*.wandb")
    told = inspected(run)
    assert told["summary"]["result/best_mean_reward"] == trial.best_mean_reward
    assert told["config"]["trial_id"] == "3"
    assert "was let go" not in capfd.readouterr().err


def inspected(run: Path) -> dict[str, Any]:
    """Return what W&B's own program reads in a run's file."""
    words = (sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(run))
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_trials_of_one_sweep_share_a_name_whatever_their_stage(tmp_path: Path) -> None:
    def named(place: str, **more: Any) -> str:
        return sweep_of(request(tmp_path, output_dir=tmp_path / place, **more))

    assert named("a/stage1") == named("a/stage2_a1", stage=2) != named("b/stage1")
    assert named("a") == named("a/stage1")
    # A worker in a container trains on a disk of its own; the study's document is what it shares.
    study = "gs://bucket/a/stage1/study.json"
    assert named("x", study=study) == named("y", study=study)


def _install(monkeypatch: pytest.MonkeyPatch, listener: Listener) -> None:
    def with_it(names: Any, order: Any) -> Any:
        return tracking(names, order, registry=_Given(it=listener))

    monkeypatch.setattr(trial_module, "tracking", with_it)
