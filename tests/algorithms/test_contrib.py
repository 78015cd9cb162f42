"""TQC, CrossQ and TRPO: what their light face says is what sb3-contrib can do, and reaches the model."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sb3_contrib
import torch as th
from torch import nn

from mesosweep.algorithms._session import Session
from mesosweep.algorithms.contrib import CROSSQ, TQC, TRPO
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.space import Discrete, Double, Integer
from mesosweep.plugins import ALGORITHMS, Algorithm, Registry
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import SIZE, Recorder, TinyGround

LessonOf = Callable[..., Lesson]
Build = Callable[[str, Lesson], Session]
Case = tuple[str, str, Any, Callable[[Any], Any], Any]
ALL = {"tqc": TQC, "crossq": CROSSQ, "trpo": TRPO}
MODELS: dict[str, Any] = {
    "tqc": sb3_contrib.TQC,
    "crossq": sb3_contrib.CrossQ,
    "trpo": sb3_contrib.TRPO,
}
OURS = {"schedule"} | {
    f"{name}_{end}"
    for name in ("learning_rate", "ent_coef", "target_kl")
    for end in ("end", "end_fraction")
}
"""Schedules are ours; sb3-contrib takes functions instead."""
POLICY = {"net_arch", "activation_fn", "log_std_init", "ortho_init"}
NOT_OFFERED = {
    *("policy", "env", "seed", "device", "verbose", "policy_kwargs", "tensorboard_log"),
    *("stats_window_size", "rollout_buffer_class", "rollout_buffer_kwargs", "action_noise"),
    *("replay_buffer_class", "replay_buffer_kwargs", "optimize_memory_usage"),
    "_init_setup_model",
}
"""The trainer's own business, or objects that no file can hold."""

EACH = pytest.mark.parametrize("name", ALL)


def parameters(name: str) -> dict[str, Any]:
    found = inspect.signature(MODELS[name].__init__).parameters
    return {name: p.default for name, p in found.items() if name != "self"}


@EACH
def test_every_parameter_of_sb3_contrib_is_offered_or_left_out_on_purpose(name: str) -> None:
    assert set(ALL[name].hyperparameters) - OURS - POLICY == set(parameters(name)) - NOT_OFFERED


@EACH
def test_defaults_are_those_of_sb3_contrib(name: str) -> None:
    algorithm, signature = ALL[name], parameters(name)

    assert {key: signature[key] for key in algorithm.defaults} == dict(algorithm.defaults)
    left_out = set(algorithm.hyperparameters) - set(algorithm.defaults) - OURS - POLICY
    assert {key for key in left_out if signature[key] not in {None, False}} == set()


@EACH
def test_the_default_space_names_real_hyperparameters_around_their_defaults(name: str) -> None:
    algorithm = ALL[name]

    for parameter, values in algorithm.default_space.items():
        key = parameter.removeprefix(f"{name}_")
        assert parameter.startswith(f"{name}_")
        assert values.contains(algorithm.defaults[key])


def test_the_default_spaces_are_the_documented_ones() -> None:
    assert dict(TQC.default_space) == {
        "tqc_learning_rate": Double(5e-5, 1e-3, "log"),
        "tqc_batch_size": Discrete((128, 256, 512)),
        "tqc_gamma": Double(0.97, 0.999),
        "tqc_top_quantiles_to_drop_per_net": Integer(0, 5),
    }
    assert dict(CROSSQ.default_space) == {
        "crossq_learning_rate": Double(1e-4, 3e-3, "log"),
        "crossq_batch_size": Discrete((128, 256, 512)),
        "crossq_gamma": Double(0.97, 0.999),
        "crossq_policy_delay": Integer(1, 3),
    }
    assert dict(TRPO.default_space) == {
        "trpo_learning_rate": Double(1e-4, 3e-3, "log"),
        "trpo_target_kl": Double(1e-3, 0.05, "log"),
        "trpo_gamma": Double(0.97, 0.999),
        "trpo_gae_lambda": Double(0.9, 0.99),
    }


@EACH
def test_it_comes_through_the_same_door_as_everybody_elses(name: str) -> None:
    found: Algorithm = Registry().get(ALGORITHMS, name)

    assert found is ALL[name]


def test_naming_them_loads_nothing_heavy() -> None:
    code = (
        "import sys, mesosweep.algorithms.contrib; "
        "print(sorted({'torch', 'numpy', 'gymnasium', 'sb3_contrib'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def layers(network: nn.Module) -> list[int]:
    return [m.out_features for m in network.modules() if isinstance(m, nn.Linear)]


def is_orthogonal(model: Any) -> bool:
    weight = model.policy.mlp_extractor.policy_net[2].weight.detach()
    product = weight @ weight.T
    return bool(th.allclose(product, product[0, 0] * th.eye(len(product)), atol=1e-4))


def quantiles_cut(model: Any) -> int:
    return int(model.top_quantiles_to_drop_per_net)


OFF_POLICY: list[Case] = [
    ("", "learning_rate", 1.5e-4, lambda m: m.actor.optimizer.param_groups[0]["lr"], 1.5e-4),
    ("", "buffer_size", 800, lambda m: m.replay_buffer.buffer_size, 200),
    ("", "learning_starts", 7, lambda m: m.learning_starts, 7),
    ("", "batch_size", 24, lambda m: m.batch_size, 24),
    ("", "gamma", 0.98, lambda m: (m.gamma, m.env.gamma), (0.98, 0.98)),
    ("", "train_freq", 3, lambda m: m.train_freq.frequency, 3),
    ("", "gradient_steps", 2, lambda m: m.gradient_steps, 2),
    ("", "n_steps", 3, lambda m: m.n_steps, 3),
    ("", "ent_coef", "auto_0.25", lambda m: float(m.log_ent_coef.detach().exp()), 0.25),
    ("", "target_entropy", "-0.5", lambda m: m.target_entropy, -0.5),
    ("", "use_sde", True, lambda m: (m.use_sde, m.actor.use_sde), (True, True)),
    ("", "sde_sample_freq", 4, lambda m: m.sde_sample_freq, 4),
    ("", "use_sde_at_warmup", True, lambda m: m.use_sde_at_warmup, True),
    ("", "net_arch", "small", lambda m: layers(m.actor.latent_pi), [64, 64]),
    ("", "activation_fn", "tanh", lambda m: m.actor.activation_fn, nn.Tanh),
]
CASES: list[Case] = [
    *((name, *case) for name in ("tqc", "crossq") for _, *case in OFF_POLICY),
    ("tqc", "tau", 0.02, lambda m: m.tau, 0.02),
    ("tqc", "target_update_interval", 2, lambda m: m.target_update_interval, 2),
    ("tqc", "net_arch", [8, 4], lambda m: layers(m.critic.q_networks[0])[:2], [8, 4]),
    ("crossq", "net_arch", [8, 4], lambda m: layers(m.critic.q_networks[0])[:2], [8, 4]),
    ("tqc", "top_quantiles_to_drop_per_net", 0, quantiles_cut, 0),
    ("crossq", "policy_delay", 2, lambda m: m.policy_delay, 2),
    ("trpo", "learning_rate", 1.5e-4, lambda m: m.policy.optimizer.param_groups[0]["lr"], 1.5e-4),
    ("trpo", "n_steps", 64, lambda m: m.n_steps, 64),
    ("trpo", "batch_size", 16, lambda m: m.batch_size, 16),
    ("trpo", "gamma", 0.97, lambda m: (m.gamma, m.rollout_buffer.gamma, m.env.gamma), (0.97,) * 3),
    ("trpo", "cg_max_steps", 7, lambda m: m.cg_max_steps, 7),
    ("trpo", "cg_damping", 0.2, lambda m: m.cg_damping, 0.2),
    ("trpo", "line_search_shrinking_factor", 0.5, lambda m: m.line_search_shrinking_factor, 0.5),
    ("trpo", "line_search_max_iter", 5, lambda m: m.line_search_max_iter, 5),
    ("trpo", "n_critic_updates", 3, lambda m: m.n_critic_updates, 3),
    ("trpo", "gae_lambda", 0.9, lambda m: m.rollout_buffer.gae_lambda, 0.9),
    ("trpo", "use_sde", True, lambda m: (m.use_sde, m.policy.use_sde), (True, True)),
    ("trpo", "sde_sample_freq", 4, lambda m: m.sde_sample_freq, 4),
    ("trpo", "normalize_advantage", False, lambda m: m.normalize_advantage, False),
    ("trpo", "target_kl", 0.05, lambda m: m.target_kl, 0.05),
    ("trpo", "sub_sampling_factor", 2, lambda m: m.sub_sampling_factor, 2),
    ("trpo", "log_std_init", -1.0, lambda m: float(m.policy.log_std.detach()[0]), -1.0),
    ("trpo", "ortho_init", False, is_orthogonal, False),
    ("trpo", "net_arch", [8, 4], lambda m: layers(m.policy.mlp_extractor.value_net), [8, 4]),
    ("trpo", "activation_fn", "elu", lambda m: m.policy.activation_fn, nn.ELU),
]


@pytest.mark.parametrize(
    ("name", "parameter", "value", "read", "expected"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
def test_each_hyperparameter_is_in_the_model_at_step_0(
    *,
    name: str,
    parameter: str,
    value: Any,
    read: Callable[[Any], Any],
    expected: Any,
    lesson_of: LessonOf,
    built: Build,
) -> None:
    plain = built(name, lesson_of(name)).model

    model = built(name, lesson_of(name, hyperparameters={parameter: value})).model

    found = read(model)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)
    assert read(plain) != found


@EACH
def test_no_hyperparameter_is_left_out_here(name: str) -> None:
    assert set(ALL[name].hyperparameters) - OURS == {key for of, key, *_ in CASES if of == name}


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("tqc", {"top_quantiles_to_drop_per_net": 25}, "leaves nothing of the 25 quantiles"),
        ("tqc", {"top_quantiles_to_drop_per_net": -1}, "must not be below 0"),
        ("tqc", {"ent_coef_end": 0.1}, "tqc learns its entropy coefficient"),
        ("crossq", {"tau": 0.1}, "unknown hyperparameter of crossq"),
        ("crossq", {"batch_size": 1}, "no spread to normalise by"),
        ("crossq", {"policy_delay": 0}, "above 0"),
        ("trpo", {"clip_range": 0.1}, "unknown hyperparameter of trpo"),
        ("trpo", {"batch_size": 129}, r"trpo\.batch_size: 129 does not fit the rollout of 128"),
        ("trpo", {"sub_sampling_factor": 129}, r"trpo\.sub_sampling_factor"),
        ("trpo", {"target_kl": 0}, "above 0"),
        ("trpo", {"n_critic_updates": 0}, "above 0"),
        ("trpo", {"line_search_shrinking_factor": 1.5}, "must not be above 1"),
        ("trpo", {"cg_damping": -1}, "must not be below 0"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(
    *,
    name: str,
    given: dict[str, Any],
    told: str,
    lesson_of: LessonOf,
    learner_of: Callable[[str], Any],
    ground: TinyGround,
) -> None:
    with pytest.raises(SettingsError, match=told):
        learner_of(name).check(lesson_of(name, hyperparameters=given), ground)

    assert all(envs.is_closed for envs in ground.opened)


def test_trpo_schedules_its_critics_rate_and_its_trust_region(
    lesson_of: LessonOf, seen_in_training: Callable[..., list[Any]]
) -> None:
    lesson = lesson_of(
        "trpo",
        hyperparameters={
            "learning_rate": 1e-3,
            "learning_rate_end": 1e-4,
            "target_kl_end_fraction": 0.5,
        },
    )

    seen = seen_in_training(
        "trpo",
        lesson,
        lambda s: (s.step, s.model.policy.optimizer.param_groups[0]["lr"], s.model.target_kl),
    )

    assert [step for step, *_ in seen] == [128, 256, 384, 400]
    assert seen[1][1:] == (pytest.approx(1e-3 - 9e-4 * 0.64), pytest.approx(0.01 - 0.005 * 0.64))
    assert seen[-1][1:] == (1e-4, 0.005)


def test_trpo_warms_up_with_a_tenth_of_its_trust_region(
    lesson_of: LessonOf, parent_of: Any, seen_in_training: Callable[..., list[Any]]
) -> None:
    lesson = lesson_of("trpo", parent=parent_of("trpo"), curriculum={"warmup_timesteps": 200})

    seen = seen_in_training(
        "trpo",
        lesson,
        lambda s: (s.model.target_kl, s.model.policy.optimizer.param_groups[0]["lr"]),
    )

    assert seen == [(pytest.approx(0.001), 1e-3)] * 2 + [(0.01, 1e-3)] * 2


def test_trpo_never_leaves_its_trust_region(
    lesson_of: LessonOf, learner_of: Callable[[str], Any], ground: TinyGround, tmp_path: Path
) -> None:
    recorder = Recorder(ground, tmp_path)

    learner_of("trpo").train(lesson_of("trpo", timesteps=1_000), ground, recorder)

    told = [values["kl_divergence_loss"] for _, values in recorder.updates]
    assert max(told) > 0
    assert all(kl < 0.01 for kl in told)


def test_trpo_takes_a_last_rollout_of_one_sample(
    lesson_of: LessonOf, learner_of: Callable[[str], Any], tmp_path: Path
) -> None:
    ground = TinyGround()
    lesson = lesson_of("trpo", timesteps=33, n_envs=1)

    assert learner_of("trpo").train(lesson, ground, Recorder(ground, tmp_path)) == 33


def statistics(policy: nn.Module) -> dict[str, th.Tensor]:
    return {name: t.clone() for name, t in policy.state_dict().items() if ".ra_" in name}


def test_crossq_hands_on_the_statistics_of_its_layers(
    lesson_of: LessonOf, parent_of: Any, learner_of: Callable[[str], Any], built: Build
) -> None:
    parent = parent_of("crossq")
    fresh = statistics(built("crossq", lesson_of("crossq")).model.policy)

    child = built("crossq", lesson_of("crossq", parent=parent)).model.policy

    handed_on = statistics(child)
    assert len(handed_on) == 2 * 3 * 3  # mean and variance, of three layers of three networks
    moved = [name for name, found in handed_on.items() if not th.equal(found, fresh[name])]
    assert sorted(moved) == sorted(handed_on)
    plain = sb3_contrib.CrossQ.load(parent, device="cpu").policy
    for name, found in statistics(plain).items():
        assert th.equal(found, handed_on[name])
    observations = np.random.default_rng(0).normal(size=(8, SIZE)).astype(np.float32)
    ours = learner_of("crossq").load(parent, TinyGround())
    seen = built("crossq", lesson_of("crossq", parent=parent)).env.lens()(observations)
    np.testing.assert_array_equal(ours(observations), plain.predict(seen, deterministic=True)[0])


def test_judging_does_not_move_crossqs_statistics(
    lesson_of: LessonOf, seen_in_training: Callable[..., list[Any]]
) -> None:
    rare = seen_in_training(
        "crossq", lesson_of("crossq", eval_freq=10**6), lambda s: statistics(s.model.policy)
    )[-1]

    often = seen_in_training(
        "crossq", lesson_of("crossq", eval_freq=8), lambda s: statistics(s.model.policy)
    )[-1]

    for name, found in rare.items():
        assert th.equal(found, often[name])


def test_crossqs_statistics_that_are_none_are_noticed(lesson_of: LessonOf, built: Build) -> None:
    session = built("crossq", lesson_of("crossq"))
    session.model.policy.actor.latent_pi[0].ra_var.fill_(th.nan)

    with pytest.raises(FloatingPointError, match="no longer finite"):
        session.check_weights()
