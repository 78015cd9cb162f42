"""Scores and evaluations as JSON, and back. A number that is not finite is null there and NaN here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Evaluation


def score_to(score: Score | None) -> dict[str, Any] | None:
    """Return a score as a JSON-able mapping."""
    if score is None:
        return None
    return {
        "episodes": score.episodes,
        "mean_reward": score.mean_reward,
        "std_reward": score.std_reward,
        "mean_length": score.mean_length,
        "full_length_rate": score.full_length_rate,
        "success_rate": score.success_rate,
        "metrics": dict(score.metrics),
    }


def score_from(told: Mapping[str, Any] | None) -> Score | None:
    """Read what `score_to` wrote; raises KeyError, TypeError or ValueError for anything else."""
    if told is None:
        return None
    success = told["success_rate"]
    return Score(
        episodes=int(told["episodes"]),
        mean_reward=number(told["mean_reward"]),
        std_reward=number(told["std_reward"]),
        mean_length=number(told["mean_length"]),
        full_length_rate=number(told["full_length_rate"]),
        success_rate=None if success is None else float(success),
        metrics={str(name): number(value) for name, value in dict(told["metrics"]).items()},
    )


def evaluation_to(evaluation: Evaluation | None) -> dict[str, Any] | None:
    """Return an evaluation as a JSON-able mapping."""
    if evaluation is None:
        return None
    return {"step": evaluation.step, "score": score_to(evaluation.score)}


def evaluation_from(told: Mapping[str, Any] | None) -> Evaluation | None:
    """Read what `evaluation_to` wrote; raises KeyError, TypeError or ValueError for anything else."""
    if told is None:
        return None
    score = score_from(told["score"])
    if score is None:
        raise ValueError("an evaluation without a score")
    return Evaluation(int(told["step"]), score)


def number(value: Any) -> float:
    """Read a float that was written as null when it was not finite."""
    return math.nan if value is None else float(value)
