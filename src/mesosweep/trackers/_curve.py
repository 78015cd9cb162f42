"""What every tracker draws: one flat name and one number, the same in all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Evaluation, Trial


def of_evaluation(evaluation: Evaluation) -> dict[str, float]:
    """Return an evaluation's numbers, e.g. `eval/mean_reward`. What is not finite is left out."""
    return _finite(_flat("eval", evaluation.score))


def of_learner(values: Mapping[str, float]) -> dict[str, float]:
    """Return the learner's own numbers, e.g. `train/learning_rate`."""
    return _finite({f"train/{name}": value for name, value in values.items()})


def of_trial(trial: Trial) -> dict[str, float]:
    """Return what a trial came to, e.g. `result/panel_mean_reward`."""
    found: dict[str, float] = {}
    if trial.best_mean_reward is not None:
        found["result/best_mean_reward"] = trial.best_mean_reward
    if trial.panel is not None:
        found |= {f"result/panel_{name}": value for name, value in _flat("", trial.panel).items()}
    if trial.verdict is not None:
        found["result/gate_passed"] = float(trial.verdict.passed)
    return _finite(found)


def settings_of(order: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Return what distinguishes a trial: what it is of, and every parameter as resolved."""
    own = ("species", "algorithm", "stage", "attempt", "trial_id", "seed", "timesteps")
    told = {name: order[name] for name in own if order.get(name) is not None}
    plain = {**told, **order.get("parameters", {})}
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in plain.items()
    }


def _flat(prefix: str, score: Score) -> dict[str, float]:
    lead = f"{prefix}/" if prefix else ""
    found = {
        f"{lead}mean_reward": score.mean_reward,
        f"{lead}std_reward": score.std_reward,
        f"{lead}mean_episode_length": score.mean_length,
        f"{lead}full_length_rate": score.full_length_rate,
        **{f"{lead}{name}": value for name, value in score.metrics.items()},
    }
    if score.success_rate is not None:
        found[f"{lead}success_rate"] = score.success_rate
    return found


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}
