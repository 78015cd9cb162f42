"""The sweep files that come with the project, and the one that users copy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesosweep.domain.study import told
from mesosweep.plugins import ALGORITHMS, SPECIES, Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.parameters import Vocabulary
from mesosweep.settings.plan import plan_sweep
from mesosweep.settings.preflight import corner_trials
from mesosweep.settings.stages import load_curriculum
from mesosweep.settings.trial import resolve_trial

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("species", ["velociraptor", "trex", "brachiosaurus"])
@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_one_sweep_file_serves_every_species(shelf: Registry, species: str, algorithm: str) -> None:
    flags = Flags(
        species=species,
        algorithm=algorithm,
        search_space_file=str(CONFIGS / f"sweep_{algorithm}.json"),
    )

    plan = plan_sweep(flags, registry=shelf, environ={}, cores=8)

    assert [s.trials for s in plan.stages] == [10, 20, 20]
    assert [s.settings.timesteps for s in plan.stages] == [500_000, 1_000_000, 1_500_000]
    assert [s.settings.n_envs for s in plan.stages] == [4, 4, 4]
    assert plan.carried == {f"{algorithm}_net_arch"}
    word = {"velociraptor": "strike", "trex": "bite", "brachiosaurus": "food"}[species]
    if algorithm == "ppo":
        assert f"env_{word}_proximity_weight" in plan.stages[2].space
        said = [note for note in plan.notes if " means " in note]
        assert len(said) == (0 if word == "strike" else 3)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_every_corner_of_a_sweep_file_resolves(shelf: Registry, algorithm: str) -> None:
    file = str(CONFIGS / f"sweep_{algorithm}.json")
    flags = Flags(species="velociraptor", algorithm=algorithm, search_space_file=file)
    species = shelf.get(SPECIES, "velociraptor")
    vocabulary = Vocabulary.of(
        species,
        shelf.get(ALGORITHMS, algorithm),
        load_curriculum(species, registry=shelf),
        shelf,
    )

    for stage in plan_sweep(flags, registry=shelf, environ={}, cores=8).stages:
        for point in corner_trials(stage):
            trial = resolve_trial(
                vocabulary,
                stage=stage.number,
                timesteps=stage.settings.timesteps,
                n_envs=stage.settings.n_envs,
                injected={name: told(value) for name, value in point.items()},
            )
            for name, value in point.items():
                section, _, key = name.partition("_")
                if section != "curriculum":
                    assert trial.parameters[f"{section}.{key}"] == value


def test_the_default_space_of_an_algorithm_is_part_of_its_sweep_file(shelf: Registry) -> None:
    for algorithm in ("ppo", "sac"):
        blocks = json.loads((CONFIGS / f"sweep_{algorithm}.json").read_text())
        default = shelf.get(ALGORITHMS, algorithm).default_space.entries()
        for block in blocks.values():
            assert {name: block[name] for name in default} == default


def test_the_smoke_sweep_is_small(shelf: Registry) -> None:
    flags = Flags(species="trex", search_space_file=str(CONFIGS / "smoke.json"))

    plan = plan_sweep(flags, registry=shelf, environ={}, cores=2)

    assert sum(s.trials * s.settings.timesteps for s in plan.stages) <= 4_000_000
    assert [s.parallel for s in plan.stages] == [2, 2, 2]
