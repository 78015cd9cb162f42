"""Measures what zero, random and untrained policies score, and prints the table of baselines.

    python -m mesosweep_brachiosaurus.measure [--episodes 200] [--stage N]

The numbers of `baselines.py` came from here. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np

from mesosweep.api import Array, Baseline, Ground, Policy, Score

METRICS = ("forward_velocity", "speed", "tilt", "alternation", "clock_match", "tip_distance")
STAGES = {1: "stage1_balance", 2: "stage2_locomotion", 3: "stage3_food"}
FIRST_SEED = 7_000_000
"""Seeds of the measured episodes, of a block that no sweep uses."""


def stage(number: int) -> Mapping[str, Any]:
    """Return a stage file as it is written."""
    folder = files("mesosweep_brachiosaurus").joinpath("stages")
    return tomllib.loads(folder.joinpath(f"{STAGES[number]}.toml").read_text("utf-8"))


def reference(number: int) -> dict[str, Any]:
    """Return the env settings that a stage is judged under."""
    return {name: value for name, value in stage(number)["env"].items() if name != "train"}


def open_reference(number: int) -> Ground:
    """Open the ground of a stage; training is like the reference."""
    # Measuring needs a simulation, which the animal itself must not know.
    species = import_module("mesosweep_brachiosaurus").SPECIES
    ground: Ground = import_module("mesosweep.envs.ground").open_ground(
        species, reference=reference(number), training=reference(number)
    )
    return ground


def untrained(ground: Ground, seed: int = 0) -> Policy:
    """Return a fresh actor of the stages' own size, acting without noise: tanh, tiny output."""
    rng = np.random.default_rng(seed)
    sizes = (ground.observation_space().shape[0], *stage(1)["ppo"]["net_arch"])
    hidden = [2**0.5 * _orthogonal(rng, rows, columns) for rows, columns in pairwise(sizes)]
    output = 0.01 * _orthogonal(rng, sizes[-1], ground.action_space().shape[0])

    def act(observation: Array) -> Array:
        seen: Any = observation
        for layer in hidden:
            seen = np.tanh(seen @ layer)
        found: Array = seen @ output
        return found

    return act


def _zero(ground: Ground) -> Policy:
    policy: Policy = import_module("mesosweep.envs.ground").zero_policy(ground)
    return policy


def _random(ground: Ground) -> Policy:
    policy: Policy = import_module("mesosweep.envs.ground").random_policy(ground, seed=0)
    return policy


POLICIES: Mapping[str, Callable[[Ground], Policy]] = {
    "zero": _zero,
    "random": _random,
    "untrained": untrained,
}


def measure(ground: Ground, policy: Policy, episodes: int) -> Score:
    """Play a policy on the reference env."""
    return Score.of(ground.play(policy, range(FIRST_SEED, FIRST_SEED + episodes)))


def baseline(name: Any, score: Score) -> Baseline:
    return Baseline(
        policy=name,
        episodes=score.episodes,
        mean_reward=round(score.mean_reward, 2),
        std_reward=round(score.std_reward, 2),
        mean_length=round(score.mean_length, 1),
        full_length_rate=round(score.full_length_rate, 3),
        success_rate=score.success_rate,
        metrics={metric: round(score.metrics[metric], 3) for metric in METRICS},
    )


def main() -> None:
    """Print `BASELINES` as Python source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--stage", type=int, choices=sorted(STAGES))
    asked = parser.parse_args()
    print("BASELINES: dict[int, tuple[Baseline, ...]] = {")
    for number in [asked.stage] if asked.stage else sorted(STAGES):
        ground = open_reference(number)
        rows = [
            baseline(name, measure(ground, make(ground), asked.episodes))
            for name, make in POLICIES.items()
        ]
        print(f"    {number}: ({', '.join(map(repr, rows))},),")
    print("}")


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> Any:
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    basis, triangle = np.linalg.qr(tall)
    basis = basis * np.sign(np.diag(triangle))
    return basis if rows >= columns else basis.T


if __name__ == "__main__":
    main()
