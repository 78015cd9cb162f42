"""What every learner must do: the suite that an algorithm plugin runs against its own.

```python
class TestMine(LearnerSuite):
    hyperparameters = {"batch_size": 32, …}  # quick ones

    def make_learner(self):
        return MyLearner()
```
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mesosweep.domain.errors import CheckpointDamaged, Interrupted, SettingsError
from mesosweep.domain.trial import Evaluation
from mesosweep.ports import Array, Learner, Lesson, Policy
from mesosweep.testing.tiny import SIZE, Recorder, TinyGround


class LearnerSuite:
    """Inherit, say how to make your learner, and give it hyperparameters that are quick."""

    hyperparameters: ClassVar[Mapping[str, Any]] = {}
    impossible: ClassVar[Mapping[str, Any]] = {"batch_size": 1_000_000_000}
    """Hyperparameters that `check` must refuse."""
    timesteps: ClassVar[int] = 601
    """Not a multiple of the number of envs, on purpose."""

    def make_learner(self) -> Learner:
        """Return a new learner."""
        raise NotImplementedError  # whoever derives from this says it

    @pytest.fixture
    def ground(self) -> TinyGround:
        return TinyGround()

    @pytest.fixture
    def lesson(self) -> Lesson:
        return Lesson(
            hyperparameters=self.hyperparameters,
            curriculum={},
            timesteps=self.timesteps,
            n_envs=4,
            seed=7,
            eval_freq=200,
            save_freq=250,
            parent=None,
        )

    def test_trains_to_the_exact_step_and_tells_so(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        recorder = Recorder(ground, tmp_path)

        trained = self.make_learner().train(lesson, ground, recorder)

        assert trained == lesson.timesteps
        assert recorder.told[-1][0] == lesson.timesteps
        assert max(step for step, _ in recorder.told) == lesson.timesteps

    def test_evaluates_at_every_crossing_and_at_the_end(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        recorder = Recorder(ground, tmp_path)

        self.make_learner().train(lesson, ground, recorder)

        steps = [evaluation.step for evaluation in recorder.evaluations]
        due = range(lesson.eval_freq, lesson.timesteps, lesson.eval_freq)
        assert [step // lesson.eval_freq for step in steps[:-1]] == [
            at // lesson.eval_freq for at in due
        ]
        assert steps[-1] == lesson.timesteps

    def test_publishes_the_policy_that_was_judged_best(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        recorder = Recorder(ground, tmp_path)
        self.make_learner().train(lesson, ground, recorder)
        best = max(recorder.evaluations, key=lambda evaluation: evaluation.score.mean_reward)

        policy = self.make_learner().load(recorder.best, ground)

        again = recorder.evaluate(policy, step=0)
        assert again.score == best.score
        assert recorder.bests[-1] == best.step

    def test_offers_every_policy_that_was_judged(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        recorder = Recorder(ground, tmp_path)
        self.make_learner().train(lesson, ground, recorder)

        assert recorder.offered == [evaluation.step for evaluation in recorder.evaluations]

    def test_a_saved_policy_acts_the_same_when_loaded(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        class LastPolicy(Recorder):
            def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
                actions.append(policy(observations).copy())
                return super().evaluate(policy, step=step)

        actions: list[Array] = []
        observations = np.random.default_rng(0).normal(size=(5, SIZE)).astype(np.float32)
        learner = self.make_learner()
        learner.train(lesson, ground, LastPolicy(ground, tmp_path))

        learner.save_final(tmp_path / "final.zip")

        loaded = self.make_learner().load(tmp_path / "final.zip", ground)
        np.testing.assert_array_equal(loaded(observations), actions[-1])

    def test_a_resumed_training_equals_an_unbroken_one(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        whole = Recorder(ground, tmp_path / "whole")
        unbroken = self.make_learner()
        unbroken.train(lesson, ground, whole)
        unbroken.save_final(tmp_path / "unbroken.zip")
        broken = Recorder(ground, tmp_path / "broken", stop_at=self.timesteps // 2)
        with pytest.raises(Interrupted):
            self.make_learner().train(lesson, ground, broken)
        step, folder = max(broken.checkpoints.items())
        assert 0 < step < lesson.timesteps

        rest = Recorder(ground, tmp_path / "rest")
        resumed = self.make_learner()
        trained = resumed.train(replace(lesson, resume=folder), ground, rest)

        resumed.save_final(tmp_path / "resumed.zip")
        assert trained == lesson.timesteps
        assert rest.updates == [(at, told) for at, told in whole.updates if at > step]
        assert rest.evaluations == [e for e in whole.evaluations if e.step > step]
        observations = np.random.default_rng(0).normal(size=(64, SIZE)).astype(np.float32)
        one, two = (
            self.make_learner().load(tmp_path / f"{name}.zip", ground)
            for name in ("unbroken", "resumed")
        )
        np.testing.assert_array_equal(one(observations), two(observations))

    @pytest.mark.parametrize("evaluation", [0, 1, 3], ids=["first", "second", "last"])
    def test_a_stop_in_an_evaluation_is_obeyed_and_the_evaluation_done_again(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path, evaluation: int
    ) -> None:
        whole = Recorder(ground, tmp_path / "whole")
        unbroken = self.make_learner()
        unbroken.train(lesson, ground, whole)
        unbroken.save_final(tmp_path / "unbroken.zip")
        assert len(whole.evaluations) == 4

        broken = Recorder(ground, tmp_path / "broken", stop_in=evaluation)
        with pytest.raises(Interrupted):
            self.make_learner().train(lesson, ground, broken)
        assert len(broken.evaluations) == evaluation
        folder = broken.checkpoints[max(broken.checkpoints)]
        rest = Recorder(ground, tmp_path / "rest", best_reward=broken.best_reward)
        resumed = self.make_learner()
        resumed.train(replace(lesson, resume=folder), ground, rest)

        resumed.save_final(tmp_path / "resumed.zip")
        assert broken.updates + rest.updates == whole.updates
        missing = len(whole.evaluations) - evaluation
        assert len(rest.evaluations) >= missing
        assert rest.evaluations == whole.evaluations[-len(rest.evaluations) :]
        assert rest.bests == whole.bests[len(whole.bests) - len(rest.bests) :]
        observations = np.random.default_rng(0).normal(size=(64, SIZE)).astype(np.float32)
        one, two = (
            self.make_learner().load(tmp_path / f"{name}.zip", ground)
            for name in ("unbroken", "resumed")
        )
        np.testing.assert_array_equal(one(observations), two(observations))

    def test_a_warm_start_begins_with_its_parents_policy(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        recorder = Recorder(ground, tmp_path)
        self.make_learner().train(lesson, ground, recorder)
        child = replace(lesson, parent=recorder.best, seed=8)

        policy = self.make_learner().untrained(child, ground)

        observations = np.random.default_rng(0).normal(size=(64, SIZE)).astype(np.float32)
        parent = self.make_learner().load(recorder.best, ground)
        np.testing.assert_array_equal(policy(observations), parent(observations))

    @pytest.mark.parametrize("fault", [math.nan, math.inf])
    def test_refuses_to_go_on_with_numbers_that_are_none(
        self, lesson: Lesson, tmp_path: Path, fault: float
    ) -> None:
        ground = TinyGround(fault=fault)

        with pytest.raises(FloatingPointError, match="finite"):
            self.make_learner().train(lesson, ground, Recorder(ground, tmp_path))

        assert all(envs.is_closed for envs in ground.opened)

    def test_check_accepts_what_train_accepts(self, lesson: Lesson, ground: TinyGround) -> None:
        self.make_learner().check(lesson, ground)

        assert all(envs.is_closed for envs in ground.opened)

    def test_check_refuses_what_cannot_work(self, lesson: Lesson, ground: TinyGround) -> None:
        hopeless = {**lesson.hyperparameters, **self.impossible}

        with pytest.raises(SettingsError):
            self.make_learner().check(replace(lesson, hyperparameters=hopeless), ground)

    def test_check_refuses_an_unknown_hyperparameter(
        self, lesson: Lesson, ground: TinyGround
    ) -> None:
        unknown = {**lesson.hyperparameters, "learning_rat": 1e-3}

        with pytest.raises(SettingsError, match="learning_rat"):
            self.make_learner().check(replace(lesson, hyperparameters=unknown), ground)

    def test_a_truncated_policy_is_damaged(
        self, lesson: Lesson, ground: TinyGround, tmp_path: Path
    ) -> None:
        recorder = Recorder(ground, tmp_path)
        self.make_learner().train(lesson, ground, recorder)
        content = recorder.best.read_bytes()
        recorder.best.write_bytes(content[: len(content) // 2])

        with pytest.raises(CheckpointDamaged, match=r"best_model\.zip"):
            self.make_learner().load(recorder.best, ground)
