"""Measures what zero, random and untrained policies score, and prints the table of baselines.

    python -m mesosweep_velociraptor.measure [--episodes 200] [--stage N]

The numbers of `baselines.py` came from here. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from typing import Any

import numpy as np

from mesosweep.api import Array, Baseline, Episode, Ground, Policy, Score

METRICS = ("forward_velocity", "speed", "tilt", "alternation", "claw_distance")
STAGES = {1: "stage1_balance", 2: "stage2_locomotion", 3: "stage3_strike"}
FIRST_SEED = 7_000_000
"""Seeds of the measured episodes, of a block that no sweep uses."""


def stage(number: int) -> Mapping[str, Any]:
    """Return a stage file as it is written."""
    folder = files("mesosweep_velociraptor").joinpath("stages")
    return tomllib.loads(folder.joinpath(f"{STAGES[number]}.toml").read_text("utf-8"))


def reference(number: int) -> dict[str, Any]:
    """Return the env settings that a stage is judged under."""
    return {name: value for name, value in stage(number)["env"].items() if name != "train"}


def open_reference(number: int) -> Ground:
    """Open the ground of a stage; training is like the reference."""
    # Measuring needs a simulation, which the animal itself must not know.
    species = import_module("mesosweep_velociraptor").SPECIES
    ground: Ground = import_module("mesosweep.envs.ground").open_ground(
        species, reference=reference(number), training=reference(number)
    )
    return ground


def zero(observation: Array) -> Array:
    return np.zeros((len(observation), 22))


@dataclass
class Random:
    """Uniform actions over the whole range, seeded."""

    seed: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def __call__(self, observation: Array) -> Array:
        return self._rng.uniform(-1.0, 1.0, (len(observation), 22))


@dataclass
class Untrained:
    """A fresh actor of the stage's own size, acting without noise: two tanh layers, tiny output."""

    widths: Sequence[int] = (128, 128)
    seed: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        sizes = (65, *self.widths, 22)
        gains = (*(2**0.5 for _ in self.widths), 0.01)
        self._layers = [
            _orthogonal(rng, rows, columns) * gain
            for rows, columns, gain in zip(sizes[:-1], sizes[1:], gains, strict=True)
        ]

    def __call__(self, observation: Array) -> Array:
        seen: Any = observation
        for layer in self._layers[:-1]:
            seen = np.tanh(seen @ layer)
        found: Array = seen @ self._layers[-1]
        return found


POLICIES: Mapping[str, Callable[[], Policy]] = {
    "zero": lambda: zero,
    "random": Random,
    "untrained": Untrained,
}


def measure(ground: Ground, policy: Policy, episodes: int) -> Score:
    """Play a policy on the reference env."""
    played: Sequence[Episode] = ground.play(policy, range(FIRST_SEED, FIRST_SEED + episodes))
    return Score.of(played)


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
            baseline(name, measure(ground, make(), asked.episodes))
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
