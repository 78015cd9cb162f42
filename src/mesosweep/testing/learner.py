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
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mesosweep.domain.errors import CheckpointDamaged, Interrupted, SettingsError
from mesosweep.domain.trial import Evaluation
from mesosweep.ports import Array, Learner, Lesson, Policy
from mesosweep.testing.tiny import SIZE, Recorder, TinyGround

OBSERVATIONS = np.random.default_rng(0).normal(size=(64, SIZE)).astype(np.float32)


@dataclass
class _Witness(Recorder):
    """Remembers, too, what each policy that was judged would have done."""

    actions: list[Array] = field(default_factory=list)

    def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
        self.actions.append(policy(OBSERVATIONS).copy())
        return super().evaluate(policy, step=step)


@dataclass(frozen=True)
class Unbroken:
    """A training of the suite's lesson in one go: read by many tests, changed by none."""

    trained: int
    told: _Witness
    final: Path
    """Policy zip of what `save_final` left."""


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

    @classmethod
    def make_lesson(cls) -> Lesson:
        return Lesson(
            hyperparameters=cls.hyperparameters,
            curriculum={},
            timesteps=cls.timesteps,
            n_envs=4,
            seed=7,
            eval_freq=200,
            save_freq=250,
            parent=None,
        )

    @pytest.fixture
    def lesson(self) -> Lesson:
        return self.make_lesson()

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
        """Train the lesson once for all tests that only look at what came of it."""
        folder, ground = tmp_path_factory.mktemp("whole"), TinyGround()
        told = _Witness(ground, folder)
        learner = cls().make_learner()
        trained = learner.train(cls.make_lesson(), ground, told)
        learner.save_final(folder / "final.zip")
        return Unbroken(trained, told, folder / "final.zip")

    def test_trains_to_the_exact_step_and_tells_so(self, lesson: Lesson, whole: Unbroken) -> None:
        assert whole.trained == lesson.timesteps
        assert whole.told.told[-1][0] == lesson.timesteps
        assert max(step for step, _ in whole.told.told) == lesson.timesteps

    def test_evaluates_at_every_crossing_and_at_the_end(
        self, lesson: Lesson, whole: Unbroken
    ) -> None:
        steps = [evaluation.step for evaluation in whole.told.evaluations]
        due = range(lesson.eval_freq, lesson.timesteps, lesson.eval_freq)
        assert [step // lesson.eval_freq for step in steps[:-1]] == [
            at // lesson.eval_freq for at in due
        ]
        assert steps[-1] == lesson.timesteps

    def test_publishes_the_policy_that_was_judged_best(
        self, ground: TinyGround, whole: Unbroken, tmp_path: Path
    ) -> None:
        evaluations = whole.told.evaluations
        best = max(evaluations, key=lambda evaluation: evaluation.score.mean_reward)

        policy = self.make_learner().load(whole.told.best, ground)

        again = Recorder(ground, tmp_path).evaluate(policy, step=0)
        assert again.score == best.score
        assert whole.told.bests[-1] == best.step

    def test_offers_every_policy_that_was_judged(self, whole: Unbroken) -> None:
        judged = [evaluation.step for evaluation in whole.told.evaluations]
        assert whole.told.offered == judged

    def test_a_saved_policy_acts_the_same_when_loaded(
        self, ground: TinyGround, whole: Unbroken
    ) -> None:
        loaded = self.make_learner().load(whole.final, ground)

        np.testing.assert_array_equal(loaded(OBSERVATIONS), whole.told.actions[-1])

    def test_a_resumed_training_equals_an_unbroken_one(
        self, lesson: Lesson, ground: TinyGround, whole: Unbroken, tmp_path: Path
    ) -> None:
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
        assert rest.updates == [(at, told) for at, told in whole.told.updates if at > step]
        assert rest.evaluations == [e for e in whole.told.evaluations if e.step > step]
        one, two = (
            self.make_learner().load(path, ground)
            for path in (whole.final, tmp_path / "resumed.zip")
        )
        np.testing.assert_array_equal(one(OBSERVATIONS), two(OBSERVATIONS))

    @pytest.mark.parametrize("evaluation", [0, 1, 3], ids=["first", "second", "last"])
    def test_a_stop_in_an_evaluation_is_obeyed_and_the_evaluation_done_again(
        self,
        lesson: Lesson,
        ground: TinyGround,
        whole: Unbroken,
        tmp_path: Path,
        evaluation: int,
    ) -> None:
        told = whole.told
        assert len(told.evaluations) == 4

        broken = Recorder(ground, tmp_path / "broken", stop_in=evaluation)
        with pytest.raises(Interrupted):
            self.make_learner().train(lesson, ground, broken)
        assert len(broken.evaluations) == evaluation
        folder = broken.checkpoints[max(broken.checkpoints)]
        rest = Recorder(ground, tmp_path / "rest", best_reward=broken.best_reward)
        resumed = self.make_learner()
        resumed.train(replace(lesson, resume=folder), ground, rest)

        resumed.save_final(tmp_path / "resumed.zip")
        assert broken.updates + rest.updates == told.updates
        missing = len(told.evaluations) - evaluation
        assert len(rest.evaluations) >= missing
        assert rest.evaluations == told.evaluations[-len(rest.evaluations) :]
        assert rest.bests == told.bests[len(told.bests) - len(rest.bests) :]
        one, two = (
            self.make_learner().load(path, ground)
            for path in (whole.final, tmp_path / "resumed.zip")
        )
        np.testing.assert_array_equal(one(OBSERVATIONS), two(OBSERVATIONS))

    def test_a_warm_start_begins_with_its_parents_policy(
        self, lesson: Lesson, ground: TinyGround, whole: Unbroken
    ) -> None:
        child = replace(lesson, parent=whole.told.best, seed=8)

        policy = self.make_learner().untrained(child, ground)

        parent = self.make_learner().load(whole.told.best, ground)
        np.testing.assert_array_equal(policy(OBSERVATIONS), parent(OBSERVATIONS))

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
        self, ground: TinyGround, whole: Unbroken, tmp_path: Path
    ) -> None:
        shutil.copytree(whole.told.folder, tmp_path / "copy")
        policy = tmp_path / "copy" / whole.told.best.name
        content = policy.read_bytes()
        policy.write_bytes(content[: len(content) // 2])

        with pytest.raises(CheckpointDamaged, match=r"best_model\.zip"):
            self.make_learner().load(policy, ground)
