"""A stage as its winner was trained: what a sweep found, in the words of a stage file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Value
from mesosweep.domain.state import SweepState
from mesosweep.domain.trial import Trial
from mesosweep.settings.parameters import laid_over

_CURRICULUM = "curriculum"


def found_stage(own: Stage, state: SweepState) -> Stage | None:
    """Return a stage with what was found for it; None where it has no winner yet.

    `own` is the stage as its species has it: its prose, and the tables of other algorithms.
    Found weights go to what training sees; the ground that trials are judged on is the
    sweep's. Its steps are the longer of the species' own and the sweep's, since a sweep
    may rank with short trials what is to be trained long.

    Raises:
        SettingsError: the winner's parameters are not on record.
    """
    stage = next((s for s in state.stages if s.stage == own.number), None)
    if stage is None or stage.winner is None:
        return None
    judged: Mapping[str, Any] = state.comparables["stages"][str(own.number)]
    trial = stage.winner.trial
    if not trial.parameters:
        raise SettingsError(
            f"stage{own.number}: the parameters of trial {trial.trial_id} are not on record.",
            hint="Restore its metrics.json, then run the sweep's own command again.",
        )
    reference: dict[str, Value] = dict(judged["env"])
    training = _section(trial.parameters, "env.")
    hyperparameters = _section(trial.parameters, f"{state.algorithm}.")
    return replace(
        own,
        name=stage.name,
        timesteps=max(own.timesteps, int(judged["settings"]["timesteps"])),
        n_envs=int(judged["settings"]["n_envs"]),
        env=reference,
        env_train={key: value for key, value in training.items() if reference.get(key) != value},
        algorithms={**own.algorithms, state.algorithm: hyperparameters},
        curriculum=_curriculum(judged[_CURRICULUM], trial),
        gate=Gate(**judged["gate"]),
    )


def _curriculum(judged: Mapping[str, Value], trial: Trial) -> dict[str, Value]:
    """Return warm-up and ramp as they were asked for: a short trial's were fitted into its budget."""
    return laid_over(judged, _section(trial.assignment, f"{_CURRICULUM}_"))


def _section(values: Mapping[str, Value], lead: str) -> dict[str, Value]:
    return {name.removeprefix(lead): v for name, v in values.items() if name.startswith(lead)}
