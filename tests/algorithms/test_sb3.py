"""What the light face of PPO and SAC says is what stable-baselines3 can do."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
import stable_baselines3
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy

from mesosweep.algorithms import _weights
from mesosweep.algorithms.sb3 import ACTIVATIONS, NET_ARCH, PPO, SAC
from mesosweep.domain.space import Discrete, Double
from mesosweep.plugins import ALGORITHMS, Algorithm, Registry

OURS = {"schedule"} | {
    f"{name}_{end}"
    for name in ("learning_rate", "clip_range", "ent_coef")
    for end in ("end", "end_fraction")
}
"""Schedules are ours; SB3 takes functions instead."""
OURS |= {
    *("mirror", "value_warmup_timesteps", "value_warmup_fraction", "ema_decay"),
    *("desired_kl", "learning_rate_min", "learning_rate_max"),
    *("log_std_max", "log_std_max_end", "log_std_reset"),
}
POLICY = {"net_arch", "activation_fn", "log_std_init", "ortho_init"}
"""Handed to the policy through `policy_kwargs`."""
NOT_OFFERED = {
    "policy",
    "env",
    "seed",
    "device",
    "verbose",
    "policy_kwargs",
    "tensorboard_log",
    "stats_window_size",
    "rollout_buffer_class",
    "rollout_buffer_kwargs",
    "replay_buffer_class",
    "replay_buffer_kwargs",
    "optimize_memory_usage",
    "action_noise",
    "_init_setup_model",
}
"""The trainer's own business, or objects that no file can hold."""

BOTH = pytest.mark.parametrize(
    ("algorithm", "model"), [(PPO, stable_baselines3.PPO), (SAC, stable_baselines3.SAC)]
)


def parameters(function: Any) -> dict[str, Any]:
    found = inspect.signature(function).parameters
    return {name: p.default for name, p in found.items() if name != "self"}


@BOTH
def test_every_parameter_of_sb3_is_offered_or_left_out_on_purpose(
    algorithm: Algorithm, model: Any
) -> None:
    signature = set(parameters(model.__init__))

    assert set(algorithm.hyperparameters) - OURS - POLICY == signature - NOT_OFFERED


@BOTH
def test_defaults_are_those_of_sb3(algorithm: Algorithm, model: Any) -> None:
    signature = parameters(model.__init__)

    assert {name: signature[name] for name in algorithm.defaults} == dict(algorithm.defaults)
    left_out = set(algorithm.hyperparameters) - set(algorithm.defaults) - OURS - POLICY
    assert {name for name in left_out if signature[name] not in {None, False}} == set()


def test_policy_settings_are_those_of_sb3s_policies() -> None:
    assert POLICY & set(PPO.hyperparameters) <= set(parameters(ActorCriticPolicy.__init__))
    assert POLICY & set(SAC.hyperparameters) <= set(parameters(SACPolicy.__init__))


@BOTH
def test_the_default_space_names_real_hyperparameters(algorithm: Algorithm, model: Any) -> None:
    for name in algorithm.default_space:
        assert name.removeprefix(f"{algorithm.name}_") in algorithm.hyperparameters
        assert name.startswith(f"{algorithm.name}_")


def test_the_default_spaces_are_the_documented_ones() -> None:
    assert dict(PPO.default_space) == {
        "ppo_learning_rate": Double(1e-5, 3e-4, "log"),
        "ppo_ent_coef": Double(1e-4, 0.05, "log"),
        "ppo_batch_size": Discrete((64, 128, 256, 512)),
        "ppo_gamma": Double(0.97, 0.999),
        "ppo_n_steps": Discrete((1024, 2048, 4096)),
    }
    assert dict(SAC.default_space) == {
        "sac_learning_rate": Double(1e-5, 3e-4, "log"),
        "sac_batch_size": Discrete((128, 256, 512)),
        "sac_gamma": Double(0.97, 0.999),
    }


def test_the_presets_have_their_sizes() -> None:
    assert NET_ARCH == {
        "small": (64, 64),
        "medium": (256, 256),
        "large": (512, 512),
        "deep": (256, 256, 256),
        "tapered": (512, 256),
        "deep_tapered": (512, 512, 256),
    }


def test_every_activation_that_may_be_named_exists() -> None:
    assert set(ACTIVATIONS) == set(_weights.ACTIVATION)


def test_they_come_through_the_same_door_as_everybody_elses() -> None:
    registry = Registry()

    assert registry.get(ALGORITHMS, "ppo") is PPO
    assert registry.get(ALGORITHMS, "sac") is SAC


def test_naming_them_loads_nothing_heavy() -> None:
    code = (
        "import sys, mesosweep.algorithms.sb3; "
        "print(sorted({'torch', 'numpy', 'gymnasium', 'stable_baselines3'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
