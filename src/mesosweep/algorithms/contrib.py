"""The light face of TQC, CrossQ and TRPO: what can be set and what is searched, without importing torch.

The learners behind them live in `_tqc`, `_crossq` and `_trpo` and are imported in workers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mesosweep.algorithms.sb3 import PPO, SAC
from mesosweep.domain.space import Discrete, Double, Integer, SearchSpace
from mesosweep.plugins import Algorithm, HyperKind


def _without(names: tuple[str, ...], of: Mapping[str, HyperKind]) -> dict[str, HyperKind]:
    return {name: kind for name, kind in of.items() if name not in names}


_TARGET = ("tau", "target_update_interval")
"""What SAC says of its target network; CrossQ has none."""

_TRPO: dict[str, HyperKind] = {
    "learning_rate": "float",  # the critic's; the policy's step is found by line search
    "n_steps": "int",
    "batch_size": "int",  # the critic's; the policy sees a whole rollout at once
    "gamma": "float",
    "cg_max_steps": "int",
    "cg_damping": "float",
    "line_search_shrinking_factor": "float",
    "line_search_max_iter": "int",
    "n_critic_updates": "int",
    "gae_lambda": "float",
    "sde_sample_freq": "int",
    "normalize_advantage": "bool",
    "target_kl": "float",
    "sub_sampling_factor": "int",
    "log_std_init": "float",
    "ortho_init": "bool",
    "net_arch": "net_arch",
    "activation_fn": "str",
    "use_sde": "bool",
    "schedule": "str",
    "learning_rate_end": "float",
    "target_kl_end": "float",
    "learning_rate_end_fraction": "float",
    "target_kl_end_fraction": "float",
}

TQC = Algorithm(
    name="tqc",
    summary="Truncated quantile critics (sb3-contrib): SAC that cuts its critics' optimism.",
    default_space=SearchSpace(
        {
            "tqc_learning_rate": Double(5e-5, 1e-3, scale="log"),
            "tqc_batch_size": Discrete((128, 256, 512)),
            "tqc_gamma": Double(0.97, 0.999),
            "tqc_top_quantiles_to_drop_per_net": Integer(0, 5),
        }
    ),
    hyperparameters=MappingProxyType(
        {**SAC.hyperparameters, "top_quantiles_to_drop_per_net": "int"}
    ),
    defaults=MappingProxyType({**SAC.defaults, "top_quantiles_to_drop_per_net": 2}),
    learner="mesosweep.algorithms._tqc:TQCLearner",
    carried=SAC.carried,
    extra="train",
)

CROSSQ = Algorithm(
    name="crossq",
    summary="CrossQ (sb3-contrib): SAC without target networks, normalising its batches instead.",
    default_space=SearchSpace(
        {
            "crossq_learning_rate": Double(1e-4, 3e-3, scale="log"),
            "crossq_batch_size": Discrete((128, 256, 512)),
            "crossq_gamma": Double(0.97, 0.999),
            "crossq_policy_delay": Integer(1, 3),
        }
    ),
    hyperparameters=MappingProxyType(
        {**_without(_TARGET, SAC.hyperparameters), "policy_delay": "int"}
    ),
    defaults=MappingProxyType(
        {
            **{name: value for name, value in SAC.defaults.items() if name not in _TARGET},
            "learning_rate": 1e-3,
            "policy_delay": 3,
        }
    ),
    learner="mesosweep.algorithms._crossq:CrossQLearner",
    carried=SAC.carried,
    extra="train",
)

TRPO = Algorithm(
    name="trpo",
    summary="Trust region policy optimisation (sb3-contrib): on-policy, one measured step per rollout.",
    default_space=SearchSpace(
        {
            "trpo_learning_rate": Double(1e-4, 3e-3, scale="log"),
            "trpo_target_kl": Double(1e-3, 0.05, scale="log"),
            "trpo_gamma": Double(0.97, 0.999),
            "trpo_gae_lambda": Double(0.9, 0.99),
        }
    ),
    hyperparameters=MappingProxyType(_TRPO),
    defaults=MappingProxyType(
        {
            "learning_rate": 1e-3,
            "n_steps": 2048,
            "batch_size": 128,
            "gamma": 0.99,
            "cg_max_steps": 15,
            "cg_damping": 0.1,
            "line_search_shrinking_factor": 0.8,
            "line_search_max_iter": 10,
            "n_critic_updates": 10,
            "gae_lambda": 0.95,
            "sde_sample_freq": -1,
            "normalize_advantage": True,
            "target_kl": 0.01,
            "sub_sampling_factor": 1,
        }
    ),
    learner="mesosweep.algorithms._trpo:TRPOLearner",
    carried=PPO.carried,
    extra="train",
)
