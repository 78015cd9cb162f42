"""The light face of PPO and SAC: what can be set and what is searched, without importing torch.

The learners behind them live in `_ppo` and `_sac` and are imported in workers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mesosweep.domain.space import Discrete, Double, SearchSpace
from mesosweep.plugins import Algorithm, HyperKind

NET_ARCH: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "small": (64, 64),
        "medium": (256, 256),
        "large": (512, 512),
        "deep": (256, 256, 256),
        "tapered": (512, 256),
        "deep_tapered": (512, 512, 256),
    }
)
"""Preset name → units of each hidden layer, the same for actor and critic."""

ACTIVATIONS = ("tanh", "relu", "elu", "leaky_relu", "silu")
"""What `activation_fn` may say."""

SHAPES = ("constant", "linear", "cosine")
"""What `schedule` may say. It bends every value whose `<name>_end` or `<name>_end_fraction` is given, over the whole budget."""

_STRUCTURE: dict[str, HyperKind] = {
    "net_arch": "net_arch",
    "activation_fn": "str",
    "use_sde": "bool",
}
"""What the network is made of: a checkpoint fixes it, so it has no default here."""

_PPO: dict[str, HyperKind] = {
    "learning_rate": "float",
    "n_steps": "int",
    "batch_size": "int",
    "n_epochs": "int",
    "gamma": "float",
    "gae_lambda": "float",
    "clip_range": "float",
    "clip_range_vf": "float",
    "normalize_advantage": "bool",
    "ent_coef": "float",
    "vf_coef": "float",
    "max_grad_norm": "float",
    "sde_sample_freq": "int",
    "target_kl": "float",
    "log_std_init": "float",
    "ortho_init": "bool",
    "schedule": "str",
    "learning_rate_end": "float",
    "clip_range_end": "float",
    "ent_coef_end": "float",
    "learning_rate_end_fraction": "float",
    "clip_range_end_fraction": "float",
    "ent_coef_end_fraction": "float",
    # Beyond SB3; all are off unless they are set.
    "mirror": "bool",  # each minibatch holds its mirror image; the species declares it
    "value_warmup_timesteps": "int",  # after a warm start only the critic learns at first
    "value_warmup_fraction": "float",
    "desired_kl": "float",  # the learning rate follows the divergence of each update
    "learning_rate_min": "float",
    "learning_rate_max": "float",
    "log_std_max": "float",  # no log std exceeds it; `schedule` bends it towards its end
    "log_std_max_end": "float",
    "log_std_reset": "float",  # where a warm start begins to explore
    "ema_decay": "float",  # the averaged policy is judged, saved and handed on
}

_SAC: dict[str, HyperKind] = {
    "learning_rate": "float",
    "buffer_size": "int",
    "learning_starts": "int",
    "batch_size": "int",
    "tau": "float",
    "gamma": "float",
    "train_freq": "int",
    "gradient_steps": "int",
    "n_steps": "int",
    "ent_coef": "str",  # `auto`, `auto_0.1`, or a number
    "target_update_interval": "int",
    "target_entropy": "str",  # `auto`, or a number
    "sde_sample_freq": "int",
    "use_sde_at_warmup": "bool",
    "schedule": "str",
    "learning_rate_end": "float",
    "ent_coef_end": "float",
    "learning_rate_end_fraction": "float",
    "ent_coef_end_fraction": "float",
}

PPO = Algorithm(
    name="ppo",
    summary="Proximal policy optimisation: on-policy, quick per step.",
    default_space=SearchSpace(
        {
            "ppo_learning_rate": Double(1e-5, 3e-4, scale="log"),
            "ppo_ent_coef": Double(1e-4, 0.05, scale="log"),
            "ppo_batch_size": Discrete((64, 128, 256, 512)),
            "ppo_gamma": Double(0.97, 0.999),
            "ppo_n_steps": Discrete((1024, 2048, 4096)),
        }
    ),
    hyperparameters=MappingProxyType(_PPO | _STRUCTURE),
    defaults=MappingProxyType(
        {
            "learning_rate": 3e-4,
            "n_steps": 2048,
            "batch_size": 64,
            "n_epochs": 10,
            "gamma": 0.99,
            "gae_lambda": 0.95,
            "clip_range": 0.2,
            "normalize_advantage": True,
            "ent_coef": 0.0,
            "vf_coef": 0.5,
            "max_grad_norm": 0.5,
            "sde_sample_freq": -1,
        }
    ),
    learner="mesosweep.algorithms._ppo:PPOLearner",
    carried=frozenset((*_STRUCTURE, "log_std_init", "ortho_init")),
    extra="train",
)

SAC = Algorithm(
    name="sac",
    summary="Soft actor-critic (stable-baselines3): off-policy, few steps, more work for each.",
    default_space=SearchSpace(
        {
            "sac_learning_rate": Double(1e-5, 3e-4, scale="log"),
            "sac_batch_size": Discrete((128, 256, 512)),
            "sac_gamma": Double(0.97, 0.999),
        }
    ),
    hyperparameters=MappingProxyType(_SAC | _STRUCTURE),
    defaults=MappingProxyType(
        {
            "learning_rate": 3e-4,
            "buffer_size": 1_000_000,
            "learning_starts": 100,
            "batch_size": 256,
            "tau": 0.005,
            "gamma": 0.99,
            "train_freq": 1,
            "gradient_steps": 1,
            "n_steps": 1,
            "ent_coef": "auto",
            "target_update_interval": 1,
            "target_entropy": "auto",
            "sde_sample_freq": -1,
            "use_sde_at_warmup": False,
        }
    ),
    learner="mesosweep.algorithms._sac:SACLearner",
    carried=frozenset(_STRUCTURE),
    extra="train",
)
