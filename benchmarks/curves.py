"""Whether PPO on flat arrays learns as Stable-Baselines3's PPO does: returns over several seeds.

    python benchmarks/curves.py [--short] [--seeds 8]

Two tasks, the same envs, normalisation, hyperparameters and budgets for both; only the
class differs. Told is the mean return of the last 100 training episodes: the
interquartile mean over seeds, with its 90 % bootstrap interval. Prints one table.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import gymnasium
import numpy as np
import torch as th
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from mesosweep.algorithms._flat_ppo import FlatPPO
from mesosweep.envs.ground import open_ground
from mesosweep.envs.gym import stage_env
from mesosweep.plugins import SPECIES, Registry


@dataclass(frozen=True)
class Task:
    name: str
    make: Callable[[int], VecEnv]
    """Seed → envs."""
    steps: int
    chosen: dict[str, Any]


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="seconds: two seeds, one rollout")
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    th.set_num_threads(1)
    seeds, share = (2, 1 / 32) if options.short else (options.seeds, 1.0)
    print(
        "task                 seeds    steps   learner     IQM   90 % interval      CPU s per run"
    )
    for task in TASKS:
        steps = int(task.steps * share)
        found: dict[str, list[tuple[float, float]]] = {"SB3": [], "mesosweep": []}
        for seed in range(seeds):
            found["SB3"].append(trained(PPO, task, seed=seed, steps=steps))
            found["mesosweep"].append(trained(FlatPPO, task, seed=seed, steps=steps))
        for name, runs in found.items():
            returns = [each for each, _ in runs]
            low, high = interval(returns)
            print(
                f"{task.name:20s} {seeds:5d} {steps:8d}   {name:9s} {iqm(returns):7.1f}"
                f"   {low:7.1f} .. {high:7.1f} {np.mean([cpu for _, cpu in runs]):10.1f}",
                flush=True,
            )
    return 0


def trained(kind: type[PPO], task: Task, *, seed: int, steps: int) -> tuple[float, float]:
    """Return the mean return of the last 100 episodes, and CPU seconds."""
    before, env = process_time(), VecNormalize(task.make(seed), gamma=task.chosen["gamma"])
    model = kind("MlpPolicy", env, seed=seed, device="cpu", **task.chosen)
    model.learn(steps)
    env.close()
    told = [episode["r"] for episode in model.ep_info_buffer or ()]
    return float(np.mean(told)), process_time() - before


def iqm(values: Any) -> float:
    """Return the mean of the middle half (Agarwal et al. 2021), single values cut in part."""
    ordered = np.sort(values)
    edges = np.arange(len(ordered) + 1) / len(ordered)
    weights = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0, None)
    return float(weights @ ordered / weights.sum())


def interval(values: Sequence[float]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    drawn = [iqm(rng.choice(values, len(values))) for _ in range(2_000)]
    return float(np.quantile(drawn, 0.05)), float(np.quantile(drawn, 0.95))


def velociraptor(seed: int) -> VecEnv:
    species = Registry().get(SPECIES, "velociraptor")
    settings = stage_env(species, 1)
    return open_ground(species, reference=settings, training=settings).training_envs(16, seed=seed)


def pendulum(seed: int) -> VecEnv:
    env = DummyVecEnv([lambda: Monitor(gymnasium.make("Pendulum-v1"))] * 4)
    env.seed(seed)
    return env


TASKS = (
    Task(
        "velociraptor, balance",
        velociraptor,
        65_536,
        {"n_steps": 128, "batch_size": 256, "n_epochs": 10, "gamma": 0.99, "learning_rate": 3e-4},
    ),
    Task(
        "Pendulum-v1",
        pendulum,
        65_536,
        {"n_steps": 512, "batch_size": 64, "n_epochs": 10, "gamma": 0.9, "learning_rate": 1e-3},
    ),
)

if __name__ == "__main__":
    sys.exit(main())
