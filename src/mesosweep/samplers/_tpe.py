"""The part of the TPE sampler that speaks Optuna; imported when a model is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from mesosweep.domain.space import (
    Assignment,
    Categorical,
    Discrete,
    Double,
    Integer,
    Parameter,
    SearchSpace,
    Value,
)
from mesosweep.domain.trial import Trial
from mesosweep.samplers.quiet import quiet_optuna
from mesosweep.samplers.tpe import lesson

# A fixed moment: Optuna wants one for a running trial, and the answer must not depend on now.
_THEN = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def model(
    space: SearchSpace,
    history: Sequence[Trial],
    *,
    ahead: Sequence[Assignment],
    count: int,
    seed: int,
) -> list[Assignment]:
    """Return `count` points that the model expects to score well.

    `ahead` are points about to be tried besides the history; like running trials
    they are held to be poor until known better (constant liar), so that workers
    side by side do not all try the same thing.
    """
    distributions = _Shared(
        (name, distribution)
        for name, parameter in space.items()
        if (distribution := _distribution(parameter)) is not None
    )
    with quiet_optuna():
        sampler = optuna.samplers.TPESampler(
            seed=seed % 2**32,
            n_startup_trials=0,
            multivariate=True,
            constant_liar=True,
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(
            [
                _told(trial, space, distributions)
                for trial in history
                if not _foreign(trial.assignment, space)
            ]
        )
        study.add_trials(
            [_trial(point, space, distributions, state=TrialState.RUNNING) for point in ahead]
        )
        asked = [study.ask(distributions) for _ in range(count)]
    return [_assignment(trial.params, space) for trial in asked]


class _Shared(dict[str, BaseDistribution]):
    """Distributions that all trials share; Optuna copies every trial deeply, which took most of the time."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Shared:
        return self


def _told(trial: Trial, space: SearchSpace, distributions: _Shared) -> FrozenTrial:
    value = lesson(trial)
    if value is not None:
        state = TrialState.COMPLETE
    elif trial.has_ended:
        # Pruned without a score ranks below every score there is.
        state = TrialState.PRUNED
    else:
        state = TrialState.RUNNING
    return _trial(trial.assignment, space, distributions, state=state, value=value)


def _trial(
    point: Assignment,
    space: SearchSpace,
    distributions: _Shared,
    *,
    state: TrialState,
    value: float | None = None,
) -> FrozenTrial:
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=value,
        datetime_start=_THEN,
        datetime_complete=_THEN if state.is_finished() else None,
        params={name: _into(space[name], point[name]) for name in distributions},
        distributions=distributions,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def _foreign(assignment: Assignment, space: SearchSpace) -> bool:
    """Whether a trial lies outside the space: tried before bounds or names were changed."""
    return any(
        name not in assignment or not parameter.contains(assignment[name])
        for name, parameter in space.items()
    )


def _distribution(parameter: Parameter) -> BaseDistribution | None:
    match parameter:
        case Double(low, high, scale):
            return FloatDistribution(low, high, log=scale == "log")
        case Integer(low, high, scale):
            return IntDistribution(low, high, log=scale == "log")
        case Discrete(values):
            # By position: 64, 128, 256 are neighbours, which a set of words would not be.
            return IntDistribution(0, len(values) - 1) if len(values) > 1 else None
        case Categorical(values):
            return CategoricalDistribution(values) if len(values) > 1 else None


def _into(parameter: Parameter, value: Value) -> Any:  # what Optuna keeps is its own affair
    match parameter:
        case Discrete(values):
            return values.index(value)
        case Integer():
            return int(value)
        case Double():
            return float(value)
        case Categorical():
            return value


def _assignment(params: Mapping[str, Any], space: SearchSpace) -> Assignment:
    return {
        name: _out(parameter, params[name]) if name in params else parameter.corners()[0]
        for name, parameter in space.items()
    }


def _out(parameter: Parameter, inner: Any) -> Value:
    match parameter:
        case Discrete(values):
            return values[int(inner)]
        case Integer(low, high):
            return min(max(int(inner), low), high)
        case Double(low, high):
            return min(max(float(inner), low), high)
        case Categorical():
            return str(inner)
