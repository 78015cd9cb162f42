"""A trial, its scores and its checkpoints as JSON: each is written here, and read back here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.space import Assignment, Value
from mesosweep.domain.trial import Checkpoint, CheckpointKind, Trial, TrialStatus
from mesosweep.stores._reader import Reader

T = TypeVar("T")
Json = dict[str, Any]
"""One JSON object."""


def trial_json(trial: Trial) -> Json:
    """Return the JSON object of a trial; where it stands right now is left out."""
    return {
        "trial_id": trial.trial_id,
        "attempt": trial.attempt,
        "status": trial.status,
        "origin": trial.origin,
        "parameters": _values(trial.assignment),
        "best_mean_reward": number_json(trial.best_mean_reward),
        "panel_mean_reward": number_json(trial.panel.mean_reward) if trial.panel else None,
        "gate_passed": trial.verdict.passed if trial.verdict else None,
        "gate_reasons": list(trial.verdict.reasons) if trial.verdict else [],
        "panel": score_json(trial.panel) if trial.panel else None,
        "checkpoint": checkpoint_json(trial.checkpoint) if trial.checkpoint else None,
        "final_checkpoint": (
            checkpoint_json(trial.final_checkpoint) if trial.final_checkpoint else None
        ),
        "steps_asked": trial.steps_asked,
        "steps_trained": trial.steps_trained,
        "duration_s": number_json(trial.duration_s),
        "reason": trial.reason,
        "seed": trial.seed,
        "resolved": _values(trial.parameters),
    }


def read_trial(trial: Reader) -> Trial:
    """Return the trial that `trial_json` wrote; raises ValueError, as all readers here do."""
    passed = trial.maybe_flag("gate_passed")
    return Trial(
        trial_id=trial.text("trial_id"),
        attempt=trial.whole("attempt"),
        status=trial.word("status", get_args(TrialStatus)),
        assignment=_read_values(trial, "parameters"),
        parameters=_read_values(trial, "resolved"),
        origin=trial.text("origin"),
        best_mean_reward=trial.maybe_number("best_mean_reward"),
        panel=maybe(trial, "panel", read_score),
        verdict=None if passed is None else Verdict(passed, trial.texts("gate_reasons")),
        checkpoint=maybe(trial, "checkpoint", read_checkpoint),
        final_checkpoint=maybe(trial, "final_checkpoint", read_checkpoint),
        steps_asked=trial.maybe_whole("steps_asked"),
        steps_trained=trial.maybe_whole("steps_trained"),
        duration_s=trial.maybe_number("duration_s"),
        reason=trial.maybe_text("reason"),
        seed=trial.maybe_whole("seed"),
    )


def score_json(score: Score) -> Json:
    """Return the JSON object of a score."""
    return {
        "episodes": score.episodes,
        "mean_reward": number_json(score.mean_reward),
        "std_reward": number_json(score.std_reward),
        "mean_length": number_json(score.mean_length),
        "full_length_rate": number_json(score.full_length_rate),
        "success_rate": number_json(score.success_rate),
        "metrics": {name: number_json(value) for name, value in score.metrics.items()},
    }


def read_score(score: Reader) -> Score:
    metrics = score.child("metrics")
    return Score(
        episodes=score.whole("episodes"),
        mean_reward=score.number("mean_reward"),
        std_reward=score.number("std_reward"),
        mean_length=score.number("mean_length"),
        full_length_rate=score.number("full_length_rate"),
        success_rate=score.maybe_number("success_rate"),
        metrics={name: metrics.number(name) for name in metrics.data},
    )


def checkpoint_json(checkpoint: Checkpoint) -> Json:
    return {"uri": checkpoint.uri, "kind": checkpoint.kind, "trial_id": checkpoint.trial_id}


def read_checkpoint(checkpoint: Reader) -> Checkpoint:
    kind: CheckpointKind = checkpoint.word("kind", get_args(CheckpointKind))
    return Checkpoint(checkpoint.text("uri"), kind, checkpoint.text("trial_id"))


def maybe(reader: Reader, key: str, read_it: Callable[[Reader], T]) -> T | None:
    """Return what `read_it` makes of an object; None where null is written."""
    found = reader.maybe_child(key)
    return None if found is None else read_it(found)


def _values(values: Mapping[str, Value]) -> Json:
    return {name: _value(value) for name, value in values.items()}


def _value(value: Value) -> Any:
    # A word may be "nan" as well, so a number that JSON cannot hold is wrapped.
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def _read_values(reader: Reader, key: str) -> Assignment:
    return {
        name: float(value["float"]) if isinstance(value, dict) and "float" in value else value
        for name, value in reader.mapping(key).items()
    }


def number_json(value: float | None) -> float | str | None:
    """Return a number as JSON can hold it; what is not finite as a word."""
    return value if value is None or math.isfinite(value) else str(value)
