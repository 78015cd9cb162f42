"""The promises that every tracker keeps."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.ports import Tracker

Points = Mapping[str, Mapping[int, float]]
"""Name of a curve → step → value, as whoever reads the tracker's records sees them."""


def an_order(folder: Path, *, step: int = 0, trial_id: str = "3") -> dict[str, Any]:
    """Return what a trial tells its trackers when they are opened."""
    return {
        "species": "counting",
        "algorithm": "count",
        "stage": 2,
        "attempt": 0,
        "trial_id": trial_id,
        "seed": 11,
        "timesteps": 100,
        "parameters": {"count.gain": 0.5, "count.fault": "none", "env.noise": 0.1, "env.on": True},
        "sweep": "counting-count-3f9c2a",
        "folder": str(folder),
        "step": step,
    }


def an_evaluation(step: int, reward: float, *, success: float | None = None) -> Evaluation:
    """Return an evaluation with one metric."""
    metrics = {"forward_velocity": reward / 10}
    return Evaluation(step, Score(10, reward, 1.0, 500.0, 0.9, success, metrics))


def a_trial(*, reward: float = 5.0) -> Trial:
    """Return a trial that finished."""
    return Trial(
        trial_id="3",
        attempt=0,
        status="finished",
        assignment={},
        best_mean_reward=reward + 1,
        panel=Score(30, reward, 1.0, 500.0, 1.0),
        verdict=Verdict(passed=True),
    )


class TrackerSuite:
    """Derive a test class, give it `tracker`, and read back what it wrote in `points`."""

    tracker: Tracker
    reward = "eval/mean_reward"
    """How the tracker calls the mean reward of an evaluation."""
    learning_rate = "train/learning_rate"

    def points(self, folder: Path) -> Points:
        """Return what a reader of the tracker finds of the trial of this folder."""
        raise NotImplementedError

    def test_every_evaluation_is_drawn_at_its_step(self, tmp_path: Path) -> None:
        with self.tracker(an_order(tmp_path)) as track:
            track.evaluated(an_evaluation(20, 1.0))
            track.evaluated(an_evaluation(40, 2.0, success=0.5))

        assert self.points(tmp_path)[self.reward] == {20: 1.0, 40: 2.0}

    def test_so_are_the_learners_own_numbers(self, tmp_path: Path) -> None:
        with self.tracker(an_order(tmp_path)) as track:
            track.stepped(10, {"learning_rate": 0.5})
            track.stepped(30, {"learning_rate": 0.25})

        assert self.points(tmp_path)[self.learning_rate] == {10: 0.5, 30: 0.25}

    def test_a_trial_that_goes_on_goes_on_with_its_curve(self, tmp_path: Path) -> None:
        with self.tracker(an_order(tmp_path)) as track:
            track.evaluated(an_evaluation(20, 1.0))
            track.evaluated(an_evaluation(40, 2.0))

        # Its last checkpoint was older than its last evaluation.
        with self.tracker(an_order(tmp_path, step=30)) as track:
            track.evaluated(an_evaluation(40, 2.0))
            track.evaluated(an_evaluation(60, 3.0))

        assert self.points(tmp_path)[self.reward] == {20: 1.0, 40: 2.0, 60: 3.0}

    def test_trials_are_kept_apart(self, tmp_path: Path) -> None:
        for name, reward in (("3", 1.0), ("4", 2.0)):
            with self.tracker(an_order(tmp_path / name, trial_id=name)) as track:
                track.evaluated(an_evaluation(20, reward))

        assert self.points(tmp_path / "3")[self.reward] == {20: 1.0}
        assert self.points(tmp_path / "4")[self.reward] == {20: 2.0}

    def test_numbers_that_are_none_are_no_obstacle(self, tmp_path: Path) -> None:
        with self.tracker(an_order(tmp_path)) as track:
            track.evaluated(an_evaluation(20, math.nan))
            track.evaluated(an_evaluation(40, 2.0))
            track.stepped(50, {"loss": math.inf})

        assert self.points(tmp_path)[self.reward].get(40) == 2.0

    def test_the_end_is_drawn_and_so_is_an_end_without_anything(self, tmp_path: Path) -> None:
        with self.tracker(an_order(tmp_path / "3")) as track:
            track.evaluated(an_evaluation(20, 1.0))
            track.ended(a_trial())
        with self.tracker(an_order(tmp_path / "4", trial_id="4")) as track:
            track.ended(Trial("4", 0, "failed", {}, reason="told to"))

        assert self.points(tmp_path / "3")[self.reward] == {20: 1.0}

    def test_what_breaks_a_trial_passes_through(self, tmp_path: Path) -> None:
        def broken_off() -> None:
            with self.tracker(an_order(tmp_path)) as track:
                track.evaluated(an_evaluation(20, 1.0))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            broken_off()

        assert self.points(tmp_path)[self.reward] == {20: 1.0}

    def test_nothing_is_written_outside_the_trials_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)

        with self.tracker(an_order(tmp_path / "3")) as track:
            track.evaluated(an_evaluation(20, 1.0))

        assert os.listdir(elsewhere) == []  # noqa: PTH208  # hidden ones, too
