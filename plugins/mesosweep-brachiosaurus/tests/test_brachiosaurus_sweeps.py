"""The sweep files of the brachiosaurus search around what its stages are known to learn with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mesosweep.algorithms.sb3 import NET_ARCH
from mesosweep.domain.space import parameter_of
from mesosweep.plugins import Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_sweep
from mesosweep.settings.stages import load_curriculum
from mesosweep.testing.baselines import training
from mesosweep_brachiosaurus import SPECIES

CONFIGS = Path(__file__).parents[3] / "configs"
ALGORITHMS = ("ppo", "sac")


def known_good(number: int, name: str) -> Any:
    """Return what a stage file says that a trial trains with."""
    section, _, key = name.partition("_")
    if section == "env":
        return training(SPECIES, number)[key]
    value = load_curriculum(SPECIES).stage(number).algorithms[section][key]
    if key == "net_arch":  # sizes are told as text
        sizes = json.loads(str(value))
        return next(preset for preset, known in NET_ARCH.items() if list(known) == sizes)
    return value


def file_of(algorithm: str) -> Path:
    return CONFIGS / f"brachiosaurus_{algorithm}.json"


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_known_good_configuration_lies_inside_every_space(algorithm: str, number: int) -> None:
    block = json.loads(file_of(algorithm).read_text())[f"stage{number}"]
    space = {name: entry for name, entry in block.items() if isinstance(entry, dict)}

    assert space
    for name, entry in space.items():
        good = known_good(number, name)
        assert parameter_of(entry).contains(good), f"{name}: {good} lies outside of {entry}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_sweep_file_makes_a_plan(algorithm: str) -> None:
    flags = Flags(
        species="brachiosaurus",
        algorithm=algorithm,
        search_space_file=str(file_of(algorithm)),
    )

    plan = plan_sweep(flags, registry=Registry(), environ={}, cores=2)

    assert [stage.name for stage in plan.stages] == ["balance", "locomotion", "food"]
