"""A stage as its winner was trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.score import Gate
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.domain.winner import Winner
from mesosweep.settings.found_stage import found_stage

OWN = Stage(
    number=2,
    name="locomotion",
    description="Run.",
    timesteps=1_000_000,
    env={"alive_bonus": 1.0, "horizon_s": 10.0},
    env_train={"alive_bonus": 2.0},
    algorithms={"ppo": {"gamma": 0.9}, "sac": {"gamma": 0.98}},
)
TRIAL = Trial(
    trial_id="7",
    attempt=0,
    status="finished",
    assignment={"ppo_gamma": 0.95, "env_alive_bonus": 3.5, "curriculum_ramp_timesteps": 400_000},
    parameters={
        "ppo.gamma": 0.95,
        "ppo.net_arch": "medium",
        "env.alive_bonus": 3.5,
        "env.horizon_s": 8.0,
        "curriculum.ramp_timesteps": 50_000,
    },
)
COMPARABLES = {
    "stages": {
        "2": {
            "env": {"alive_bonus": 1.0, "horizon_s": 8.0},
            "curriculum": {"ramp_fraction": 0.5, "ramp_start_value": 0.1},
            "gate": {"min_avg_reward": 5.0},
            "settings": {"timesteps": 100_000, "n_envs": 16},
        }
    }
}


def state(trial: Trial | None = TRIAL, **comparables: Any) -> SweepState:
    winner = None
    if trial is not None:
        winner = Winner(trial, 1.0, Checkpoint("best_model.zip", "best", "7"), gate_passed=True)
    stage = StageState(2, "locomotion", winner=winner)
    told = {"stages": {"2": {**COMPARABLES["stages"]["2"], **comparables}}}
    return SweepState("raptor", "ppo", "3f9c2a", told, 0, (stage,))


def found(given: SweepState) -> Stage:
    stage = found_stage(OWN, given)
    assert stage is not None
    return stage


def test_found_weights_go_to_training_and_never_to_what_is_judged() -> None:
    stage = found(state())

    assert stage.env == {"alive_bonus": 1.0, "horizon_s": 8.0}
    assert stage.env_train == {"alive_bonus": 3.5}


def test_hyperparameters_are_the_winners_and_other_algorithms_keep_theirs() -> None:
    stage = found(state())

    assert stage.algorithms == {
        "ppo": {"gamma": 0.95, "net_arch": "medium"},
        "sac": {"gamma": 0.98},
    }


def test_warm_up_and_ramp_are_as_asked_for_not_as_shortened_for_a_short_trial() -> None:
    stage = found(state())

    # A length in steps takes the place of the stage's share.
    assert stage.curriculum == {"ramp_start_value": 0.1, "ramp_timesteps": 400_000}


def test_the_longer_training_counts() -> None:
    assert found(state()).timesteps == 1_000_000
    long = {"timesteps": 3_000_000, "n_envs": 16}
    assert found(state(settings=long)).timesteps == 3_000_000
    assert found(state()).n_envs == 16


def test_gate_and_prose_stay() -> None:
    stage = found(state())

    assert stage.gate == Gate(min_avg_reward=5.0)
    assert stage.description == "Run."


def test_a_stage_without_a_winner_has_nothing_found() -> None:
    assert found_stage(OWN, state(None)) is None
    assert found_stage(replace(OWN, number=3), state()) is None


def test_a_winner_whose_parameters_nobody_knows_is_said() -> None:
    with pytest.raises(SettingsError, match="parameters of trial 7 are not on record"):
        found_stage(OWN, state(replace(TRIAL, parameters={})))
