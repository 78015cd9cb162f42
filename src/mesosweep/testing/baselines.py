"""Measures what doing nothing useful scores on the stages of a species, and prints it as Python.

    python -m mesosweep.testing.baselines velociraptor [--episodes 200] [--stage N]

A species ships these numbers as `Species.baselines`; each stage's gate lies above them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from mesosweep.domain.score import Score
from mesosweep.envs.ground import open_ground, random_policy, zero_policy
from mesosweep.plugins import SPECIES, Baseline, Registry, Species
from mesosweep.ports import Array, Ground, Policy
from mesosweep.settings.stages import load_curriculum

FIRST_SEED = 7_000_000
"""Seeds of the measured episodes, of a block that no sweep uses."""
Name = Literal["zero", "random", "untrained"]
_WIDTHS = (64, 64)


def reference(species: Species, stage: int) -> dict[str, Any]:
    """Return the env settings that a stage is judged under."""
    return dict(load_curriculum(species).stage(stage).env)


def training(species: Species, stage: int) -> dict[str, Any]:
    """Return the env settings that a stage is learned under."""
    found = load_curriculum(species).stage(stage)
    return {**found.env, **found.env_train}


def open_reference(species: Species, stage: int) -> Ground:
    """Open the ground of a stage as it is judged; training is like the reference."""
    settings = reference(species, stage)
    return open_ground(species, reference=settings, training=settings)


def untrained_policy(ground: Ground, *, seed: int = 0) -> Policy:
    """Return a fresh actor that acts without noise: two tanh layers, orthogonal, tiny output."""
    rng = np.random.default_rng(seed)
    sizes = (*ground.observation_space().shape, *_WIDTHS, *ground.action_space().shape)
    gains = (*(math.sqrt(2.0) for _ in _WIDTHS), 0.01)
    layers = [
        _orthogonal(rng, rows, columns) * gain
        for rows, columns, gain in zip(sizes[:-1], sizes[1:], gains, strict=True)
    ]

    def act(observations: Array) -> Array:
        seen: Any = observations
        for layer in layers[:-1]:
            seen = np.tanh(seen @ layer)
        actions: Array = seen @ layers[-1]
        return actions

    return act


POLICIES: Mapping[Name, Callable[[Ground], Policy]] = {
    "zero": zero_policy,
    "random": lambda ground: random_policy(ground, seed=0),
    "untrained": untrained_policy,
}


def measure(ground: Ground, name: Name, *, episodes: int) -> Score:
    """Play one of the policies on the reference env."""
    policy = POLICIES[name](ground)
    return Score.of(ground.play(policy, range(FIRST_SEED, FIRST_SEED + episodes)))


def baseline(name: Name, score: Score) -> Baseline:
    """Return a score as a species ships it."""
    return Baseline(
        policy=name,
        episodes=score.episodes,
        mean_reward=round(score.mean_reward, 2),
        std_reward=round(score.std_reward, 2),
        mean_length=round(score.mean_length, 1),
        full_length_rate=round(score.full_length_rate, 3),
        success_rate=score.success_rate,
        metrics={metric: round(value, 3) for metric, value in sorted(score.metrics.items())},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print `BASELINES` of a species as Python source."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("species")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--stage", type=int)
    asked = parser.parse_args(arguments)
    species = Registry().get(SPECIES, asked.species)
    numbers = [stage.number for stage in load_curriculum(species).stages]
    print("BASELINES: dict[int, tuple[Baseline, ...]] = {")
    for number in [asked.stage] if asked.stage else numbers:
        ground = open_reference(species, number)
        rows = [
            baseline(name, measure(ground, name, episodes=asked.episodes))
            for name in get_args(Name)
        ]
        print(f"    {number}: ({', '.join(map(repr, rows))},),", flush=True)
    print("}")


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> Any:
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    basis, triangle = np.linalg.qr(tall)
    basis = basis * np.sign(np.diag(triangle))
    return basis if rows >= columns else basis.T


if __name__ == "__main__":
    main()
