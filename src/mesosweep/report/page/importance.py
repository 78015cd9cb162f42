"""Which parameters mattered, by Optuna's evaluators."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter, SearchSpace
from mesosweep.report.results.rows import Row
from mesosweep.report.results.searched import Axis, axes, spelt
from mesosweep.samplers.quiet import quiet_optuna

FEWEST = 10
"""Below so many scored trials an importance would be an accident."""


WITHOUT_SKLEARN = (
    "fANOVA is not among them: Optuna's evaluator needs scikit-learn, which pip install "
    "'mesosweep[report]' brings."
)


@dataclass(frozen=True, slots=True)
class Importance:
    """The share of each parameter, by one evaluator; they add up to 1."""

    method: str
    meaning: str
    shares: Mapping[str, float]


def importances(rows: Sequence[Row], space: SearchSpace | None) -> tuple[Importance, ...]:
    """Return what each evaluator says of a study; empty where there are too few scored trials.

    PED-ANOVA (Watanabe et al., 2023) always; fANOVA (Hutter et al., 2014) where scikit-learn
    is installed, which Optuna needs for it.
    """
    scored = [(row, row.score) for row in rows if row.score is not None]
    told = _distributions(rows, space)
    if len(scored) < FEWEST or len(told) < 2:
        return ()
    import optuna

    evaluators = optuna.importance
    with quiet_optuna(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler())
        for row, score in scored:
            params = {
                name: value
                for name, (_, place) in told.items()
                if (value := place(row.parameters.get(name))) is not None
            }
            kept = {name: told[name][0] for name in params}
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=kept, value=score)
            )
        quantile = max(0.1, 5 / len(scored))
        found = [
            Importance(
                "PED-ANOVA",
                f"what it takes to be among the best {quantile:.0%} of the trials",
                _shares(study, evaluators.PedAnovaImportanceEvaluator(target_quantile=quantile)),
            )
        ]
        if has_sklearn():
            by_variance = evaluators.FanovaImportanceEvaluator(n_trees=32, seed=0)
            meaning = "share of the score's variance over the whole space"
            found.append(Importance("fANOVA", meaning, _shares(study, by_variance)))
    return tuple(importance for importance in found if any(importance.shares.values()))


def has_sklearn() -> bool:
    """Whether scikit-learn is installed, which Optuna's fANOVA needs."""
    return find_spec("sklearn") is not None


def _shares(study: Any, evaluator: Any) -> dict[str, float]:
    import optuna

    try:
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (RuntimeError, ValueError):  # e.g. no trial holds all parameters
        return {}
    return {str(name): float(share) for name, share in found.items()}


def _distributions(rows: Sequence[Row], space: SearchSpace | None) -> dict[str, tuple[Any, Any]]:
    """Return for each parameter Optuna's distribution, and how a value is told to it."""
    if space:
        return {name: _of_parameter(parameter) for name, parameter in space.items()}
    return {axis.name: _of_axis(axis, rows) for axis in axes(rows)}


def _of_parameter(parameter: Parameter) -> tuple[Any, Any]:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    def inside(value: Any) -> Any:
        return value if value is not None and parameter.contains(value) else None

    match parameter:
        case Double(low, high, scale):
            return FloatDistribution(low, high, log=scale == "log"), inside
        case Integer(low, high, scale):
            return IntDistribution(low, high, log=scale == "log"), inside
        case Discrete(values) | Categorical(values):
            words = tuple(map(spelt, values))
            return CategoricalDistribution(words), lambda v: spelt(v) if spelt(v) in words else None


def _of_axis(axis: Axis, rows: Sequence[Row]) -> tuple[Any, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if axis.kind == "words":
        return CategoricalDistribution(axis.words), lambda v: spelt(v) if v is not None else None
    places = [at for row in rows if (at := axis.at(row.parameters.get(axis.name))) is not None]
    return FloatDistribution(min(places), max(places), log=axis.kind == "log"), axis.at
