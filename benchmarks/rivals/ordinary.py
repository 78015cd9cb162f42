"""Training as users of SB3 write it: what a trial of Ray Tune and of Optuna does.

Runs in the peers' own environments; `benchmarks/peers.py` says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def train(task: Mapping[str, Any], chosen: Mapping[str, Any], *, seed: int) -> float:
    """Train PPO with the `chosen` hyperparameters; returns the mean return of its evaluation."""
    import torch as th
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import VecNormalize, sync_envs_normalization

    import mesosweep.envs.gym  # noqa: F401  # registers the env

    th.set_num_threads(1)
    env = VecNormalize(
        make_vec_env(task["env"], n_envs=task["n_envs"], seed=seed), gamma=chosen["gamma"]
    )
    judge = VecNormalize(make_vec_env(task["env"], seed=seed), training=False, norm_reward=False)
    model = PPO(
        "MlpPolicy", env, seed=seed, device="cpu", policy_kwargs={"net_arch": task["net_arch"]},
        **task["ppo"], **chosen,
    )  # fmt: skip
    model.learn(task["steps"])
    sync_envs_normalization(env, judge)
    mean, _ = evaluate_policy(model, judge, n_eval_episodes=task["eval_episodes"])
    env.close()
    judge.close()
    return float(mean)  # type: ignore[arg-type]  # a list only where asked for one
