"""The sweep files of the velociraptor search around what is known to work."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.domain.plan import SweepPlan
from mesosweep.plugins import Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_sweep
from mesosweep.settings.stages import load_curriculum
from mesosweep.testing.baselines import training
from mesosweep_velociraptor import SPECIES

CONFIGS = Path(__file__).parents[3] / "configs"


def planned(algorithm: str) -> SweepPlan:
    flags = Flags(
        species="velociraptor",
        algorithm=algorithm,
        search_space_file=str(CONFIGS / f"velociraptor_{algorithm}.json"),
    )
    return plan_sweep(flags, registry=Registry(), environ={}, cores=2)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_the_stage_files_own_values_lie_in_every_space(algorithm: str) -> None:
    for planned_stage in planned(algorithm).stages:
        number, space = planned_stage.number, planned_stage.space
        assert len(space) >= 4
        own = load_curriculum(SPECIES).stage(number).algorithms[algorithm]
        known = {f"{algorithm}_{name}": value for name, value in own.items()}
        known |= {f"env_{name}": value for name, value in training(SPECIES, number).items()}
        for name in space:
            assert space[name].contains(known[name]), f"stage {number}: {name} {known[name]}"


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_every_stage_is_searched_with_eight_trials_on_two_cores(algorithm: str) -> None:
    plan = planned(algorithm)

    assert [s.number for s in plan.stages] == [1, 2, 3]
    assert {(s.trials, s.parallel) for s in plan.stages} == {(8, 2)}
