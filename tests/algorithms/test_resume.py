"""An interrupted training goes on bit for bit."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th

from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._resume import put_back
from mesosweep.algorithms._session import Watch
from mesosweep.algorithms._snapshot import Snapshot
from mesosweep.domain.errors import CheckpointDamaged, Interrupted
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import Recorder, TinyEnvs, TinyGround

LessonOf = Callable[..., Lesson]
LearnerOf = Callable[[str], SB3Learner]


def tensors(learner: SB3Learner) -> dict[str, th.Tensor]:
    """Return every number that the learner's model holds, optimiser moments too."""
    assert learner._trained is not None
    model, found = learner._trained.model, {}

    def gather(where: str, value: Any) -> None:
        if isinstance(value, th.Tensor):
            found[where] = value.detach().clone()
        elif isinstance(value, dict):
            for key, inner in value.items():
                gather(f"{where}/{key}", inner)

    gather("", model.get_parameters())
    if getattr(model, "log_ent_coef", None) is not None:
        found["log_alpha"] = model.log_ent_coef.detach().clone()
    env = learner._trained.env
    for name, array in env.arrays().items():
        found[f"normaliser/{name}"] = th.as_tensor(array)
    return found


def assert_equal(one: SB3Learner, two: SB3Learner) -> None:
    first, second = tensors(one), tensors(two)
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        assert th.equal(tensor, second[key]), key


@pytest.fixture(scope="module")
def lesson(name: str, lesson_of: LessonOf, parents: Callable[[str, Lesson], Path]) -> Lesson:
    """Return a lesson in which everything changes: schedules, warm-up and ramp."""
    slow = {"train_freq": 4} if name in {"sac", "tqc", "crossq"} else {}
    return lesson_of(
        name,
        parent=parents(name, lesson_of(name)) / "parent.zip",
        timesteps=901,
        eval_freq=120,
        save_freq=240,
        hyperparameters={"learning_rate_end": 1e-5, "schedule": "cosine", **slow},
        curriculum={"warmup_fraction": 0.1, "ramp_fraction": 0.8, "ramp_start_value": 0.3},
        ramp_end=1.5,
    )


@pytest.fixture(scope="module")
def unbroken(
    name: str, lesson: Lesson, learner_of: LearnerOf, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SB3Learner, Recorder]:
    """Return who learned the lesson in one go, and what was seen of it: to be compared with."""
    learner, ground = learner_of(name), TinyGround()
    recorder = Recorder(ground, tmp_path_factory.mktemp("whole"))
    learner.train(lesson, ground, recorder)
    return learner, recorder


@pytest.fixture(scope="module")
def left(
    name: str, lesson_of: LessonOf, learner_of: LearnerOf, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the checkpoint that a training leaves which was stopped after a hundred steps."""
    ground = TinyGround()
    recorder = Recorder(ground, tmp_path_factory.mktemp("left"), stop_at=100)
    with pytest.raises(Interrupted):
        learner_of(name).train(lesson_of(name), ground, recorder)
    return recorder.checkpoints[max(recorder.checkpoints)]


def test_from_every_periodic_checkpoint(
    name: str,
    lesson: Lesson,
    unbroken: tuple[SB3Learner, Recorder],
    learner_of: LearnerOf,
    tmp_path: Path,
) -> None:
    whole, told = unbroken
    assert len(told.checkpoints) == 3

    for step, folder in told.checkpoints.items():
        ground, resumed = TinyGround(), learner_of(name)
        known = [e.score.mean_reward for e in told.evaluations if e.step <= step]
        best = max(known, default=-math.inf)
        recorder = Recorder(ground, tmp_path / f"from-{step}", best_reward=best)
        trained = resumed.train(replace(lesson, resume=folder), ground, recorder)

        assert trained == lesson.timesteps
        assert_equal(resumed, whole)
        assert recorder.updates == [(at, values) for at, values in told.updates if at > step]
        assert recorder.evaluations == [e for e in told.evaluations if e.step > step]
        assert recorder.bests == [at for at in told.bests if at > step]


def test_after_being_stopped_again_and_again(
    name: str,
    lesson: Lesson,
    unbroken: tuple[SB3Learner, Recorder],
    learner_of: LearnerOf,
    tmp_path: Path,
) -> None:
    resume: Path | None = None
    for round_, stop_at in enumerate((120, 360, 660)):
        ground = TinyGround()
        recorder = Recorder(ground, tmp_path / f"round-{round_}", stop_at=stop_at)
        with pytest.raises(Interrupted, match="of 901 steps"):
            learner_of(name).train(replace(lesson, resume=resume), ground, recorder)
        resume = recorder.checkpoints[max(recorder.checkpoints)]
        assert all(envs.is_closed for envs in ground.opened)

    last, ground = learner_of(name), TinyGround()
    last.train(replace(lesson, resume=resume), ground, Recorder(ground, tmp_path / "last"))

    assert_equal(last, unbroken[0])


def test_a_stop_before_the_first_update_can_be_resumed(
    name: str,
    lesson: Lesson,
    unbroken: tuple[SB3Learner, Recorder],
    learner_of: LearnerOf,
    tmp_path: Path,
) -> None:
    ground = TinyGround()
    recorder = Recorder(ground, tmp_path / "early", stop_at=0)
    with pytest.raises(Interrupted):
        learner_of(name).train(lesson, ground, recorder)
    (folder,) = recorder.checkpoints.values()

    last = learner_of(name)
    last.train(replace(lesson, resume=folder), ground, Recorder(ground, tmp_path / "last"))

    assert_equal(last, unbroken[0])


HARD: Mapping[str, Any] = {
    "train_freq": 5,
    "gradient_steps": -1,
    "target_update_interval": 3,
    "n_steps": 2,
    "use_sde": True,
    "sde_sample_freq": 3,
}
"""Nothing that could be overlooked is left out: noise that holds for steps, blocks of
updates that end between two of the target network's, evaluations in the middle of a cycle."""


@pytest.fixture(scope="module")
def in_one_go(
    learner_of: LearnerOf, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Lesson], tuple[SB3Learner, Recorder]]:
    """Return a function that trains in one go, each algorithm only once."""
    trained: dict[str, tuple[Lesson, SB3Learner, Recorder]] = {}

    def train(name: str, lesson: Lesson) -> tuple[SB3Learner, Recorder]:
        if name not in trained:
            learner, ground = learner_of(name), TinyGround()
            recorder = Recorder(ground, tmp_path_factory.mktemp("whole"))
            learner.train(lesson, ground, recorder)
            trained[name] = lesson, learner, recorder
        learned, learner, recorder = trained[name]
        assert learned == lesson
        return learner, recorder

    return train


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        *(("sac", ask) for ask in (1, 5, 6, 13, 14, 15, 17, 18, 19, 20, 28, 34)),
        *((name, ask) for name in ("tqc", "crossq") for ask in (14, 18, 27, 34)),
    ],
)
def test_where_there_is_a_memory_it_goes_on_from_anywhere_in_a_cycle(
    *,
    name: str,
    ask: int,
    lesson_of: LessonOf,
    learner_of: LearnerOf,
    in_one_go: Callable[[str, Lesson], tuple[SB3Learner, Recorder]],
    tmp_path: Path,
) -> None:
    known = learner_of(name).algorithm.hyperparameters
    hard = {key: value for key, value in HARD.items() if key in known}
    lesson = lesson_of(name, hyperparameters=hard, timesteps=101, eval_freq=12)
    whole, told = in_one_go(name, lesson)
    ground = TinyGround()

    class AtTheAsk(Recorder):
        def should_stop(self) -> bool:
            super().should_stop()
            return self.asked >= ask

    assert told.asked > 34
    stopped = AtTheAsk(ground, tmp_path / "stopped")
    with pytest.raises(Interrupted):
        learner_of(name).train(lesson, ground, stopped)
    assert stopped.asked == ask
    (folder,) = stopped.checkpoints.values()
    last = learner_of(name)
    rest = Recorder(ground, tmp_path / "last", best_reward=stopped.best_reward)
    last.train(replace(lesson, resume=folder), ground, rest)

    assert_equal(last, whole)
    assert stopped.updates + rest.updates == told.updates
    assert stopped.evaluations + rest.evaluations == told.evaluations
    assert stopped.bests + rest.bests == told.bests


def test_random_actions_go_on_where_they_were(
    off_policy: str, lesson_of: LessonOf, learner_of: LearnerOf, tmp_path: Path
) -> None:
    lesson = lesson_of(off_policy, hyperparameters={"learning_starts": 200}, timesteps=300)
    whole, ground = learner_of(off_policy), TinyGround()
    whole.train(lesson, ground, Recorder(ground, tmp_path / "whole"))
    stopped = Recorder(ground, tmp_path / "stopped", stop_at=100)
    with pytest.raises(Interrupted):
        learner_of(off_policy).train(lesson, ground, stopped)

    last = learner_of(off_policy)
    resume = stopped.checkpoints[100]
    last.train(replace(lesson, resume=resume), ground, Recorder(ground, tmp_path / "last"))

    assert_equal(last, whole)


def test_a_checkpoint_of_the_last_step_leaves_only_the_last_evaluation(
    name: str, lesson_of: LessonOf, learner_of: LearnerOf, tmp_path: Path
) -> None:
    lesson, ground = lesson_of(name, timesteps=300, save_freq=300), TinyGround()
    told = Recorder(ground, tmp_path / "whole")
    learner_of(name).train(lesson, ground, told)

    again = Recorder(ground, tmp_path / "again")
    learner_of(name).train(replace(lesson, resume=told.checkpoints[300]), ground, again)

    assert again.updates == []
    assert again.evaluations == told.evaluations[-1:]


def test_the_parent_need_not_be_there_any_more(
    name: str,
    lesson: Lesson,
    unbroken: tuple[SB3Learner, Recorder],
    learner_of: LearnerOf,
    tmp_path: Path,
) -> None:
    whole, told = unbroken
    gone = tmp_path / "gone" / "parent.zip"

    last, ground = learner_of(name), TinyGround()
    resume = told.checkpoints[max(told.checkpoints)]
    rest = replace(lesson, parent=gone, resume=resume)
    last.train(rest, ground, Recorder(ground, tmp_path / "last"))

    assert_equal(last, whole)


def test_a_request_to_stop_is_asked_for_between_minibatches(
    on_policy: str, lesson_of: LessonOf, learner_of: LearnerOf, tmp_path: Path
) -> None:
    class InTheUpdate(Recorder):
        def should_stop(self) -> bool:
            super().should_stop()
            # 32 vector steps have passed: what follows is the first update.
            return self.asked > 32 + 3

    ground = TinyGround()
    recorder = InTheUpdate(ground, tmp_path)

    with pytest.raises(Interrupted, match="after 0 of"):
        learner_of(on_policy).train(
            lesson_of(on_policy, hyperparameters={"batch_size": 16}), ground, recorder
        )

    assert recorder.asked == 32 + 4
    assert list(recorder.checkpoints) == [0]


@pytest.mark.parametrize("part", ["training.json", "training.npz", "training.pt"])
@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_a_damaged_checkpoint_is_named(
    *,
    name: str,
    part: str,
    fault: str,
    left: Path,
    lesson_of: LessonOf,
    learner_of: LearnerOf,
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(left, tmp_path / left.name))
    ground, lesson = TinyGround(), lesson_of(name)
    content = (folder / part).read_bytes()
    (folder / part).unlink()
    if fault == "cut":
        (folder / part).write_bytes(content[: len(content) // 2])

    with pytest.raises(CheckpointDamaged, match="checkpoint-"):
        learner_of(name).train(
            replace(lesson, resume=folder), ground, Recorder(ground, tmp_path / "x")
        )


def test_a_checkpoint_of_another_training_is_refused(
    lesson_of: LessonOf, learner_of: LearnerOf, tmp_path: Path
) -> None:
    ground = TinyGround()
    recorder = Recorder(ground, tmp_path, stop_at=100)
    with pytest.raises(Interrupted):
        learner_of("ppo").train(lesson_of("ppo"), ground, recorder)
    folder = recorder.checkpoints[max(recorder.checkpoints)]
    wide = lesson_of("ppo", hyperparameters={"net_arch": [32, 32]}, resume=folder)

    for name, lesson in (("sac", lesson_of("sac", resume=folder)), ("ppo", wide)):
        with pytest.raises(CheckpointDamaged, match="does not fit this trial"):
            learner_of(name).train(lesson, ground, Recorder(ground, tmp_path / "x"))


def test_no_pickle_is_in_a_checkpoint(name: str, left: Path) -> None:
    assert sorted(path.name for path in left.iterdir()) == [
        "training.json",
        "training.npz",
        "training.pt",
    ]
    assert json.loads((left / "training.json").read_text())["structure"]["algorithm"] == name
    th.load(left / "training.pt", weights_only=True)


def test_a_loss_that_is_no_number_ends_the_training_with_a_sentence(
    name: str,
    lesson_of: LessonOf,
    learner_of: LearnerOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner, ground = learner_of(name), TinyGround()
    turn = learner._turn_knobs

    def poisoned(session: Any, began: int) -> dict[str, float]:
        if session.step > 100:
            with th.no_grad():
                for parameter in session.model.policy.parameters():
                    parameter.fill_(th.nan)
        return turn(session, began)

    monkeypatch.setattr(learner, "_turn_knobs", poisoned)

    with pytest.raises(FloatingPointError, match=r"finite|became nan"):
        learner.train(lesson_of(name), ground, Recorder(ground, tmp_path))


class ForgetfulEnvs(TinyEnvs):
    """Envs that cannot be put back: they begin anew, and say so."""

    def restore(self, state: Mapping[str, Any]) -> Any:
        del state
        self.reset()
        return np.ones(self.num_envs, np.bool_)

    def observe(self) -> Any:
        return self._seen()


class ForgetfulGround(TinyGround):
    def training_envs(self, n_envs: int, *, seed: int) -> ForgetfulEnvs:
        return ForgetfulEnvs(n_envs, seed=seed)


def test_where_envs_begin_anew_the_policy_sees_the_new_start(
    lesson_of: LessonOf, learner_of: LearnerOf, tmp_path: Path
) -> None:
    lesson, ground = lesson_of("ppo", timesteps=800, save_freq=200), ForgetfulGround()
    recorder = Recorder(ground, tmp_path / "first")
    learner_of("ppo").train(lesson, ground, recorder)
    snapshot = Snapshot.read(next(iter(recorder.checkpoints.values())))

    learner = learner_of("ppo")
    session = learner._open(lesson, ground, snapshot)
    session.model._setup_learn(lesson.timesteps, Watch(session, recorder))
    put_back(session, snapshot)

    raw = session.env.env_method("observe")[0]
    np.testing.assert_array_equal(session.model._last_obs, session.env.normalize_obs(raw))
    assert session.model._last_episode_starts.all()
