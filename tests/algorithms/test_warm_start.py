"""What a child takes from its parent and what it does not; warm-up and ramp."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

from mesosweep.algorithms._session import Session
from mesosweep.domain.errors import CheckpointDamaged, SettingsError
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import Recorder, TinyGround

Build = Callable[[str, Lesson], Session]
LessonOf = Callable[..., Lesson]
ParentOf = Callable[..., Path]
Seen = Callable[..., list[Any]]


def parameters(session: Session) -> dict[str, th.Tensor]:
    return {name: t.clone() for name, t in session.model.policy.state_dict().items()}


def test_weights_and_observation_statistics_are_carried(
    name: str, lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    parent = parent_of(name)
    cold = built(name, lesson_of(name))

    child = built(name, lesson_of(name, parent=parent, seed=9))

    with np.load(parent.with_name("parent.vecnormalize.npz")) as told:
        np.testing.assert_array_equal(child.env.obs_rms.mean, told["obs_mean"])
        np.testing.assert_array_equal(child.env.obs_rms.var, told["obs_var"])
        assert child.env.obs_rms.count == told["obs_count"] > 300
    again = built(name, lesson_of(name, parent=parent, seed=10))
    fresh = parameters(cold)
    for key, tensor in parameters(child).items():
        assert th.equal(tensor, parameters(again)[key])
        # Biases of both may be zero; everything that was learned differs.
        assert not th.equal(tensor, fresh[key]) or not tensor.any()
    if name in {"ppo", "trpo"}:
        assert th.equal(child.model.policy.log_std, again.model.policy.log_std)


def test_moments_returns_and_counters_are_not_carried(
    name: str, lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    child = built(name, lesson_of(name, parent=parent_of(name)))

    optimisers = [state for key, state in child.model.get_parameters().items() if "optim" in key]
    assert optimisers
    assert all(not optimiser["state"] for optimiser in optimisers)
    assert child.env.ret_rms.count == pytest.approx(1e-4)
    assert not child.env.returns.any()
    assert child.step == 0
    if name in {"sac", "tqc", "crossq"}:
        assert child.model.replay_buffer.size() == 0


def test_the_learned_entropy_is_carried(
    off_policy: str, lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    parent = parent_of(off_policy, hyperparameters={"learning_rate": 1e-2})
    th_alpha = float(
        built(off_policy, lesson_of(off_policy, parent=parent)).model.log_ent_coef.detach()
    )

    assert th_alpha != 0.0
    assert abs(th_alpha) < 10


def test_a_warm_start_with_a_memory_never_acts_at_random(
    off_policy: str,
    lesson_of: LessonOf,
    parent_of: ParentOf,
    seen_in_training: Seen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = parent_of(off_policy)
    drawn: list[int] = []
    sample = spaces.Box.sample

    def counted(box: spaces.Box) -> Any:
        drawn.append(1)
        return sample(box)

    monkeypatch.setattr(spaces.Box, "sample", counted)

    seen_in_training(off_policy, lesson_of(off_policy, parent=parent), lambda s: None)
    assert drawn == []

    seen_in_training(off_policy, lesson_of(off_policy), lambda s: None)
    assert len(drawn) == 40


def test_a_warm_start_still_waits_with_learning(
    off_policy: str, lesson_of: LessonOf, parent_of: ParentOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(off_policy, parent=parent_of(off_policy))

    seen = seen_in_training(off_policy, lesson, lambda s: (s.step, s.model._n_updates))

    assert [updates for step, updates in seen if step <= 40] == [0] * 10
    assert seen[-1] == (400, 90)


def test_ppo_warm_up_replaces_clip_and_entropy_then_gives_them_back(
    lesson_of: LessonOf, parent_of: ParentOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        "ppo",
        parent=parent_of("ppo"),
        hyperparameters={"ent_coef": 0.01, "ent_coef_end": 0.005},
        curriculum={"warmup_timesteps": 200, "warmup_clip_range": 0.03, "warmup_ent_coef": 0.04},
    )

    seen = seen_in_training(
        "ppo", lesson, lambda s: (s.step, s.model.clip_range(1), s.model.ent_coef)
    )

    assert seen[0] == (128, 0.03, 0.04)
    assert seen[1] == (256, 0.03, 0.04)
    # The decay goes on behind the warm-up and is where it belongs afterwards.
    assert seen[2] == (384, 0.2, pytest.approx(0.01 - 0.005 * 384 / 400))
    assert seen[3] == (400, 0.2, 0.005)


def test_each_warm_up_parameter_is_in_the_built_model(
    lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    parent = parent_of("ppo")

    def model(**curriculum: float) -> Any:
        return built("ppo", lesson_of("ppo", parent=parent, curriculum=curriculum)).model

    assert (model().clip_range(1), model().ent_coef) == (0.2, 0.0)
    assert model(warmup_timesteps=100).clip_range(1) == 0.02
    assert model(warmup_timesteps=100).ent_coef == 0.02
    assert model(warmup_timesteps=100, warmup_clip_range=0.05).clip_range(1) == 0.05
    assert model(warmup_timesteps=100, warmup_ent_coef=0.05).ent_coef == 0.05
    assert model(warmup_timesteps=100, warmup_ent_coef=0.0).ent_coef == 0.0
    assert model(warmup_fraction=0.1, warmup_clip_range=0.05).clip_range(1) == 0.05


def test_with_a_memory_warm_up_slows_all_optimisers_then_lets_go(
    off_policy: str, lesson_of: LessonOf, parent_of: ParentOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        off_policy,
        parent=parent_of(off_policy),
        hyperparameters={"learning_rate": 1e-3, "learning_starts": 0},
        curriculum={"warmup_timesteps": 200},
    )

    seen = seen_in_training(
        off_policy,
        lesson,
        lambda s: (
            s.step,
            *(
                optimiser.param_groups[0]["lr"]
                for optimiser in (
                    s.model.actor.optimizer,
                    s.model.critic.optimizer,
                    s.model.ent_coef_optimizer,
                )
            ),
        ),
    )

    for step, *rates in seen:
        assert rates == [pytest.approx(1e-4 if step <= 200 else 1e-3)] * 3


def test_warm_up_writes_alpha_where_it_is_read(
    off_policy: str, lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    curriculum = {"warmup_timesteps": 100, "warmup_ent_coef": 0.03}

    model = built(
        off_policy, lesson_of(off_policy, parent=parent_of(off_policy), curriculum=curriculum)
    ).model

    assert float(model.log_ent_coef.detach()) == pytest.approx(math.log(0.03))
    assert model.log_ent_coef.requires_grad
    assert model.ent_coef_optimizer.param_groups[0]["params"][0] is model.log_ent_coef


def test_no_warm_up_entropy_leaves_the_alpha_of_the_parent(
    off_policy: str, lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    parent = parent_of(off_policy, hyperparameters={"learning_rate": 1e-2})
    curriculum = {"warmup_timesteps": 100, "warmup_ent_coef": 0.0}

    with_zero = built(off_policy, lesson_of(off_policy, parent=parent, curriculum=curriculum)).model
    without = built(off_policy, lesson_of(off_policy, parent=parent)).model

    assert th.equal(with_zero.log_ent_coef, without.log_ent_coef)


def test_a_fixed_entropy_is_replaced_during_warm_up(
    off_policy: str, lesson_of: LessonOf, parent_of: ParentOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        off_policy,
        parent=parent_of(off_policy),
        hyperparameters={"ent_coef": 0.125},
        curriculum={"warmup_timesteps": 100, "warmup_ent_coef": 0.5},
    )

    seen = seen_in_training(off_policy, lesson, lambda s: (s.step, float(s.model.ent_coef_tensor)))

    assert all(entropy == (0.5 if step <= 100 else 0.125) for step, entropy in seen)


def test_the_ramp_moves_the_training_envs_only(
    name: str, lesson_of: LessonOf, parent_of: ParentOf, ground: TinyGround, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        name,
        timesteps=8_000 if name in {"ppo", "trpo"} else 6_000,
        eval_freq=10**6,
        hyperparameters={} if name in {"ppo", "trpo"} else {"train_freq": 100},
        parent=parent_of(name),
        curriculum={"ramp_fraction": 0.5, "ramp_start_value": 0.2},
        ramp_end=2.0,
    )

    seen_in_training(name, lesson, lambda s: s.step)

    changes = ground.opened[0].changes
    assert {setting for setting, _ in changes} == {"forward_vel_weight"}
    weights = [value for _, value in changes]
    assert weights[0] == 0.2
    assert weights == sorted(weights)
    assert weights[-1] == 2.0
    assert len(weights) == lesson.timesteps // 2 // 1_000 + 1
    assert ground.opened[0].settings["forward_vel_weight"] == 2.0


@pytest.mark.parametrize(
    ("curriculum", "expected"),
    [
        ({}, 1.0),
        ({"ramp_timesteps": 100}, 0.1),
        ({"ramp_timesteps": 100, "ramp_start_value": 0.3}, 0.3),
        ({"ramp_fraction": 0.2, "ramp_start_value": 0.3}, 0.3),
    ],
)
def test_each_ramp_parameter_is_in_the_built_envs(
    *,
    curriculum: dict[str, float],
    expected: float,
    lesson_of: LessonOf,
    parent_of: ParentOf,
    built: Build,
    ground: TinyGround,
) -> None:
    lesson = lesson_of("ppo", parent=parent_of("ppo"), curriculum=curriculum, ramp_end=2.0)

    built("ppo", lesson)

    assert ground.opened[-1].settings["forward_vel_weight"] == expected


def test_ramp_timesteps_changes_the_weight_in_the_middle(
    lesson_of: LessonOf, parent_of: ParentOf, built: Build, ground: TinyGround
) -> None:
    lesson = lesson_of("ppo", parent=parent_of("ppo"), timesteps=100_000, ramp_end=2.0)
    found = []
    for steps in (20_000, 40_000):
        session = built("ppo", replace(lesson, curriculum={"ramp_timesteps": steps}))
        session.model.num_timesteps = 10_000
        session.ramp()
        found.append(ground.opened[-1].settings["forward_vel_weight"])

    assert found == [pytest.approx(0.1 + 1.9 / 2), pytest.approx(0.1 + 1.9 / 4)]


def test_a_cold_start_knows_neither_warm_up_nor_ramp(
    lesson_of: LessonOf, built: Build, ground: TinyGround
) -> None:
    curriculum = {"warmup_timesteps": 100, "ramp_timesteps": 100}

    session = built("ppo", lesson_of("ppo", curriculum=curriculum, ramp_end=2.0))

    assert session.model.clip_range(1) == 0.2
    assert ground.opened[-1].changes == []


def test_the_network_is_the_parents(
    name: str, lesson_of: LessonOf, parent_of: ParentOf, built: Build, learner_of: Any
) -> None:
    parent = parent_of(name, hyperparameters={"net_arch": [12, 6], "activation_fn": "silu"})
    quiet = lesson_of(name, parent=parent)
    without = {k: v for k, v in quiet.hyperparameters.items() if k != "net_arch"}

    session = built(name, replace(quiet, hyperparameters=without))

    assert session.structure.net_arch == (12, 6)
    assert session.structure.activation_fn == "silu"
    with pytest.raises(SettingsError, match=r"net_arch: \[16, 16\] was asked for.*\[12, 6\]"):
        learner_of(name).check(quiet, TinyGround())
    equal = replace(quiet, hyperparameters={**without, "net_arch": [12, 6]})
    learner_of(name).check(equal, TinyGround())


def test_a_parent_without_its_statistics_is_damaged(
    name: str, lesson_of: LessonOf, parent_of: ParentOf, learner_of: Any, tmp_path: Path
) -> None:
    parent = parent_of(name)
    parent.with_name("parent.vecnormalize.npz").unlink()
    ground = TinyGround()

    with pytest.raises(CheckpointDamaged, match=r"parent\.vecnormalize\.npz"):
        learner_of(name).train(
            lesson_of(name, parent=parent), ground, Recorder(ground, tmp_path / "x")
        )
    assert all(envs.is_closed for envs in ground.opened)
