"""A tiny lesson for each algorithm, and learners whose insides can be looked at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesosweep.algorithms._crossq import CrossQLearner
from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._ppo import PPOLearner
from mesosweep.algorithms._sac import SACLearner
from mesosweep.algorithms._session import Session, Watch
from mesosweep.algorithms._tqc import TQCLearner
from mesosweep.algorithms._trpo import TRPOLearner
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import Recorder, TinyGround

OFF_POLICY = ("sac", "tqc", "crossq")
_OFF_POLICY = {"learning_starts": 40, "batch_size": 16, "net_arch": [16, 16], "buffer_size": 4_000}
QUICK: Mapping[str, Mapping[str, Any]] = {
    "ppo": {"n_steps": 32, "batch_size": 32, "n_epochs": 2, "net_arch": [16, 16]},
    **dict.fromkeys(OFF_POLICY, _OFF_POLICY),
    "trpo": {"n_steps": 32, "batch_size": 32, "n_critic_updates": 2, "net_arch": [16, 16]},
}
LEARNERS: Mapping[str, type[SB3Learner]] = {
    "ppo": PPOLearner,
    "sac": SACLearner,
    "tqc": TQCLearner,
    "crossq": CrossQLearner,
    "trpo": TRPOLearner,
}


@pytest.fixture(params=LEARNERS, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=OFF_POLICY)
def off_policy(request: pytest.FixtureRequest) -> str:
    """Return the name of each algorithm with a memory."""
    found: str = request.param
    return found


@pytest.fixture(params=["ppo", "trpo"])
def on_policy(request: pytest.FixtureRequest) -> str:
    """Return the name of each algorithm that learns from one rollout at a time."""
    found: str = request.param
    return found


@pytest.fixture
def ground() -> TinyGround:
    return TinyGround()


@pytest.fixture(scope="session")
def learner_of() -> Callable[[str], SB3Learner]:
    return lambda name: LEARNERS[name]()


@pytest.fixture(scope="session")
def lesson_of() -> Callable[..., Lesson]:
    """Return a function of name and changes; `hyperparameters` are laid over quick ones."""

    def a_lesson(name: str, **changes: Any) -> Lesson:
        hyperparameters = {**QUICK[name], **changes.pop("hyperparameters", {})}
        lesson = Lesson(
            hyperparameters=hyperparameters,
            curriculum={},
            timesteps=400,
            n_envs=4,
            seed=3,
            eval_freq=200,
            save_freq=10_000,
            parent=None,
        )
        return replace(lesson, **changes)

    return a_lesson


@pytest.fixture
def built(
    learner_of: Callable[[str], SB3Learner], ground: TinyGround
) -> Callable[[str, Lesson], Session]:
    """Return a function that builds a training and steps nothing."""
    return lambda name, lesson: learner_of(name)._open(lesson, ground)


@pytest.fixture
def seen_in_training(
    learner_of: Callable[[str], SB3Learner],
    ground: TinyGround,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., list[Any]]:
    """Return a function that trains and returns what `look` saw after each update."""

    def train(name: str, lesson: Lesson, look: Callable[[Session], Any]) -> list[Any]:
        seen, learner = [], learner_of(name)
        cycle = learner._cycle

        def observed(session: Session, watch: Watch) -> dict[str, float]:
            told = cycle(session, watch)
            seen.append(look(session))
            return told

        monkeypatch.setattr(learner, "_cycle", observed)
        learner.train(lesson, ground, Recorder(ground, tmp_path / "seen"))
        return seen

    return train


@pytest.fixture(scope="session")
def parents(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Lesson], Path]:
    """Return a function that trains a parent, each only once, and returns its folder."""
    trained: dict[str, Path] = {}

    def a_folder(name: str, lesson: Lesson) -> Path:
        # Of the same lesson comes the same policy, to the last bit.
        which = f"{name} {lesson}"
        if which not in trained:
            folder = tmp_path_factory.mktemp("parent")
            learner, ground = LEARNERS[name](), TinyGround()
            learner.train(lesson, ground, Recorder(ground, folder / "observed"))
            (folder / "left").mkdir()
            learner.save_final(folder / "left" / "parent.zip")
            trained[which] = folder / "left"
        return trained[which]

    return a_folder


@pytest.fixture
def parent_of(
    parents: Callable[[str, Lesson], Path], lesson_of: Callable[..., Lesson], tmp_path: Path
) -> Callable[..., Path]:
    """Return a function that returns the policy zip of a trained parent, the test's own to break."""

    def a_parent(name: str, **changes: Any) -> Path:
        shutil.copytree(parents(name, lesson_of(name, **changes)), tmp_path, dirs_exist_ok=True)
        return tmp_path / "parent.zip"

    return a_parent
