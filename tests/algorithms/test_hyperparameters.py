"""Every hyperparameter changes what the built model holds, read back from the model itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch as th
from torch import nn

from mesosweep.algorithms._session import Session
from mesosweep.algorithms.sb3 import NET_ARCH, PPO, SAC
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import TinyGround

Case = tuple[str, str, Any, Callable[[Any], Any], Any]


def layers(network: nn.Module) -> list[int]:
    return [m.out_features for m in network.modules() if isinstance(m, nn.Linear)]


def is_orthogonal(model: Any) -> bool:
    weight = model.policy.mlp_extractor.policy_net[2].weight.detach()
    product = weight @ weight.T
    return bool(th.allclose(product, product[0, 0] * th.eye(len(product)), atol=1e-4))


CASES: list[Case] = [
    ("ppo", "learning_rate", 1.5e-4, lambda m: m.policy.optimizer.param_groups[0]["lr"], 1.5e-4),
    ("ppo", "n_steps", 64, lambda m: m.n_steps, 64),
    ("ppo", "batch_size", 16, lambda m: m.batch_size, 16),
    ("ppo", "n_epochs", 3, lambda m: m.n_epochs, 3),
    ("ppo", "gamma", 0.97, lambda m: (m.gamma, m.rollout_buffer.gamma, m.env.gamma), (0.97,) * 3),
    ("ppo", "gae_lambda", 0.9, lambda m: m.rollout_buffer.gae_lambda, 0.9),
    ("ppo", "clip_range", 0.1, lambda m: m.clip_range(1), 0.1),
    ("ppo", "clip_range_vf", 0.3, lambda m: m.clip_range_vf(1), 0.3),
    ("ppo", "normalize_advantage", False, lambda m: m.normalize_advantage, False),
    ("ppo", "ent_coef", 0.01, lambda m: m.ent_coef, 0.01),
    ("ppo", "vf_coef", 0.7, lambda m: m.vf_coef, 0.7),
    ("ppo", "max_grad_norm", 0.9, lambda m: m.max_grad_norm, 0.9),
    ("ppo", "use_sde", True, lambda m: (m.use_sde, m.policy.use_sde), (True, True)),
    ("ppo", "sde_sample_freq", 4, lambda m: m.sde_sample_freq, 4),
    ("ppo", "target_kl", 0.05, lambda m: m.target_kl, 0.05),
    ("ppo", "log_std_init", -1.0, lambda m: float(m.policy.log_std.detach()[0]), -1.0),
    ("ppo", "ortho_init", False, is_orthogonal, False),
    ("ppo", "net_arch", "tapered", lambda m: layers(m.policy.mlp_extractor.policy_net), [512, 256]),
    ("ppo", "net_arch", [8, 4, 2], lambda m: layers(m.policy.mlp_extractor.value_net), [8, 4, 2]),
    ("ppo", "activation_fn", "elu", lambda m: m.policy.activation_fn, nn.ELU),
    ("ppo", "log_std_max", -0.5, lambda m: float(m.policy.log_std.detach()[0]), -0.5),
    ("sac", "learning_rate", 1.5e-4, lambda m: m.actor.optimizer.param_groups[0]["lr"], 1.5e-4),
    ("sac", "buffer_size", 800, lambda m: m.replay_buffer.buffer_size, 200),
    ("sac", "learning_starts", 7, lambda m: m.learning_starts, 7),
    ("sac", "batch_size", 24, lambda m: m.batch_size, 24),
    ("sac", "tau", 0.02, lambda m: m.tau, 0.02),
    ("sac", "gamma", 0.98, lambda m: (m.gamma, m.env.gamma), (0.98, 0.98)),
    ("sac", "train_freq", 3, lambda m: m.train_freq.frequency, 3),
    ("sac", "gradient_steps", 2, lambda m: m.gradient_steps, 2),
    ("sac", "n_steps", 3, lambda m: (m.n_steps, m.replay_buffer.n_steps), (3, 3)),
    ("sac", "ent_coef", "auto_0.25", lambda m: float(m.log_ent_coef.detach().exp()), 0.25),
    ("sac", "ent_coef", 0.125, lambda m: float(m.ent_coef_tensor), 0.125),
    ("sac", "target_update_interval", 2, lambda m: m.target_update_interval, 2),
    ("sac", "target_entropy", "-0.5", lambda m: m.target_entropy, -0.5),
    ("sac", "use_sde", True, lambda m: (m.use_sde, m.actor.use_sde), (True, True)),
    ("sac", "sde_sample_freq", 4, lambda m: m.sde_sample_freq, 4),
    ("sac", "use_sde_at_warmup", True, lambda m: m.use_sde_at_warmup, True),
    ("sac", "net_arch", "small", lambda m: layers(m.actor.latent_pi), [64, 64]),
    ("sac", "net_arch", [8, 4], lambda m: layers(m.critic.qf0)[:2], [8, 4]),
    ("sac", "activation_fn", "tanh", lambda m: m.actor.activation_fn, nn.Tanh),
]


@pytest.mark.parametrize(
    ("name", "parameter", "value", "read", "expected"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
def test_it_is_in_the_model_at_step_0(
    *,
    name: str,
    parameter: str,
    value: Any,
    read: Callable[[Any], Any],
    expected: Any,
    lesson_of: Callable[..., Lesson],
    built: Callable[[str, Lesson], Session],
) -> None:
    plain = built(name, lesson_of(name)).model

    model = built(name, lesson_of(name, hyperparameters={parameter: value})).model

    found = read(model)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)
    if parameter in {"clip_range_vf", "n_steps"} and name != "ppo":
        return  # absent from the plain model
    if parameter != "clip_range_vf" and (name, parameter) != ("sac", "ent_coef"):
        assert read(plain) != found


BEYOND_SB3 = {  # shown in test_beyond_sb3.py, where they need a parent, a mirror or an update
    *("mirror", "value_warmup_timesteps", "value_warmup_fraction", "desired_kl"),
    *("learning_rate_min", "learning_rate_max", "log_std_max_end", "log_std_reset", "ema_decay"),
}
SCHEDULED = {"schedule"} | {
    f"{name}_{end}"
    for name in ("learning_rate", "clip_range", "ent_coef")
    for end in ("end", "end_fraction")
}


@pytest.mark.parametrize("algorithm", [PPO, SAC], ids=["ppo", "sac"])
def test_no_hyperparameter_is_left_out_here(algorithm: Any) -> None:
    tested = {parameter for name, parameter, *_ in CASES if name == algorithm.name}

    assert set(algorithm.hyperparameters) - SCHEDULED - BEYOND_SB3 == tested


def test_schedules_reach_the_model_at_every_update_and_end_exactly(
    lesson_of: Callable[..., Lesson], seen_in_training: Callable[..., list[Any]]
) -> None:
    lesson = lesson_of(
        "ppo",
        hyperparameters={
            "learning_rate": 1e-3,
            "learning_rate_end": 1e-4,
            "clip_range_end_fraction": 0.5,
            "ent_coef": 0.02,
            "ent_coef_end": 0.0,
        },
    )

    seen = seen_in_training(
        "ppo",
        lesson,
        lambda s: (
            s.step,
            s.model.policy.optimizer.param_groups[0]["lr"],
            s.model.clip_range(0.5),
            s.model.ent_coef,
        ),
    )

    assert [step for step, *_ in seen] == [128, 256, 384, 400]
    for step, rate, clip, entropy in seen:
        progress = step / 400
        assert rate == pytest.approx(1e-3 + progress * (1e-4 - 1e-3))
        assert clip == pytest.approx(0.2 + progress * (0.1 - 0.2))
        assert entropy == pytest.approx(0.02 * (1 - progress))
    assert seen[-1][1:] == (1e-4, 0.1, 0.0)


def test_sac_schedules_all_its_optimisers_and_a_fixed_entropy(
    lesson_of: Callable[..., Lesson], seen_in_training: Callable[..., list[Any]]
) -> None:
    lesson = lesson_of(
        "sac",
        hyperparameters={
            "learning_rate": 1e-3,
            "learning_rate_end": 1e-4,
            "ent_coef": "0.2",
            "ent_coef_end": 0.1,
            "schedule": "cosine",
        },
    )

    seen = seen_in_training(
        "sac",
        lesson,
        lambda s: (
            s.model.actor.optimizer.param_groups[0]["lr"],
            s.model.critic.optimizer.param_groups[0]["lr"],
            float(s.model.ent_coef_tensor),
        ),
    )

    assert seen[-1] == (1e-4, 1e-4, pytest.approx(0.1))
    halfway = seen[len(seen) // 2 - 1]
    assert halfway == (pytest.approx(5.5e-4), pytest.approx(5.5e-4), pytest.approx(0.15))


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("ppo", {"gamma": 1.5}, r"ppo\.gamma: 1\.5 must not be above 1"),
        ("ppo", {"gamma": "high"}, r"ppo\.gamma: 'high' is not a finite number"),
        ("ppo", {"learning_rate": 0}, "above 0"),
        ("ppo", {"learning_rate": float("nan")}, "finite"),
        ("ppo", {"n_steps": 32.5}, "whole number"),
        ("ppo", {"normalize_advantage": 1}, "neither true nor false"),
        ("ppo", {"net_arch": "smal"}, "no preset 'smal'"),
        ("ppo", {"net_arch": []}, "layer sizes"),
        ("ppo", {"net_arch": [0]}, "layer sizes"),
        ("ppo", {"activation_fn": "step"}, "none of tanh"),
        ("ppo", {"batch_size": 129}, r"does not fit the rollout of 128 \(n_steps 32 × n_envs 4\)"),
        ("ppo", {"batch_size": 1}, "batch_size"),
        ("ppo", {"clip_rang": 0.1}, "clip_rang"),
        ("sac", {"clip_range": 0.1}, "unknown hyperparameter of sac"),
        ("sac", {"ent_coef": "much"}, r"sac\.ent_coef: 'much' is neither 'auto'"),
        ("sac", {"ent_coef": "auto_0"}, "neither"),
        ("sac", {"target_entropy": "low"}, r"sac\.target_entropy"),
        ("sac", {"ent_coef_end": 0.1}, "learns its entropy coefficient"),
        ("sac", {"learning_starts": 400}, "nothing of the 400 steps"),
        ("sac", {"batch_size": 5_000}, "does not fit the buffer"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(
    *,
    name: str,
    given: dict[str, Any],
    told: str,
    lesson_of: Callable[..., Lesson],
    learner_of: Callable[[str], Any],
    ground: TinyGround,
) -> None:
    with pytest.raises(SettingsError, match=told):
        learner_of(name).check(lesson_of(name, hyperparameters=given), ground)

    assert all(envs.is_closed for envs in ground.opened)


def test_a_preset_may_be_named(
    lesson_of: Callable[..., Lesson], built: Callable[[str, Lesson], Session]
) -> None:
    for preset, units in NET_ARCH.items():
        session = built("ppo", lesson_of("ppo", hyperparameters={"net_arch": preset}))

        assert session.structure.net_arch == units


def test_whole_numbers_may_arrive_as_floats(
    lesson_of: Callable[..., Lesson], built: Callable[[str, Lesson], Session]
) -> None:
    session = built("ppo", lesson_of("ppo", hyperparameters={"batch_size": 64.0}))

    assert session.model.batch_size == 64


@pytest.mark.parametrize("field", ["timesteps", "n_envs", "eval_freq", "save_freq"])
def test_amounts_begin_at_one(
    field: str,
    lesson_of: Callable[..., Lesson],
    learner_of: Callable[[str], Any],
    ground: TinyGround,
) -> None:
    with pytest.raises(SettingsError, match=field):
        learner_of("ppo").check(lesson_of("ppo", **{field: 0}), ground)
