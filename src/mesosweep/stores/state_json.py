"""The state of a sweep as JSON: what is saved, and what `status --json` prints.

Keys that only repeat others (`panel_mean_reward`, `gate_passed`, what `winner` says
beside its trial) are for scripts; reading ignores them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar, get_args

from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.space import Assignment, Value
from mesosweep.domain.state import StageState, StageStatus, SweepState
from mesosweep.domain.study import JobRef
from mesosweep.domain.trial import Checkpoint, CheckpointKind, Trial, TrialStatus
from mesosweep.domain.winner import Winner
from mesosweep.stores._reader import Reader

VERSION = 1
"""Of the file's schema. A file of another version is refused, never guessed at."""

T = TypeVar("T")
Json = dict[str, Any]
"""One JSON object."""


def written(state: SweepState) -> str:
    """Return the text of a state file."""
    # Without indentation, which would take Python's slow encoder for every saved fact.
    return json.dumps(as_json(state), allow_nan=False, ensure_ascii=False) + "\n"


def read(text: str) -> SweepState:
    """Return the state that `written` wrote.

    Raises:
        ValueError: the text is not a whole state of this version; says where and why.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError(f"a JSON object was expected, not {type(data).__name__}")  # noqa: TRY004  # a fault of the file, not of the caller
    sweep = Reader(data)
    version = sweep.whole("version")
    if version != VERSION:
        raise ValueError(f"it has schema version {version}; this mesosweep reads version {VERSION}")
    return SweepState(
        species=sweep.text("species"),
        algorithm=sweep.text("algorithm"),
        fingerprint=sweep.text("fingerprint"),
        comparables=sweep.mapping("comparables"),
        attempt=sweep.whole("attempt"),
        stages=tuple(_read_stage(stage) for stage in sweep.children("stages")),
        started_at=sweep.moment("started_at"),
        finished_at=sweep.moment("finished_at"),
        writer=sweep.mapping("writer"),
    )


def as_json(state: SweepState) -> Json:
    """Return the JSON object of a state."""
    return {
        "version": VERSION,
        "species": state.species,
        "algorithm": state.algorithm,
        "attempt": state.attempt,
        "fingerprint": state.fingerprint,
        "started_at": _moment(state.started_at),
        "finished_at": _moment(state.finished_at),
        "stages": [_stage(stage) for stage in state.stages],
        "comparables": state.comparables,
        "writer": dict(state.writer),
    }


def _stage(stage: StageState) -> Json:
    return {
        "stage": stage.stage,
        "name": stage.name,
        "status": stage.status,
        "gate_passed": None if stage.winner is None else stage.winner.gate_passed,
        "gate_forced": stage.gate_forced,
        "promoted": stage.promoted,
        "reason": stage.reason,
        "attempt": stage.attempt,
        "parent": stage.parent,
        "study_key": stage.study_key,
        "job": _job(stage.job) if stage.job else None,
        "trials_wanted": stage.trials_wanted,
        "started_at": _moment(stage.started_at),
        "ended_at": _moment(stage.ended_at),
        "trials": [trial_json(trial) for trial in stage.trials],
        "winner": _winner(stage.winner, stage.verified) if stage.winner else None,
        "verified": _verified(stage.verified) if stage.verified else None,
    }


def _read_stage(stage: Reader) -> StageState:
    return StageState(
        stage=stage.whole("stage"),
        name=stage.text("name"),
        status=stage.word("status", get_args(StageStatus)),
        attempt=stage.whole("attempt"),
        parent=stage.maybe_text("parent"),
        study_key=stage.maybe_text("study_key"),
        job=_maybe(stage, "job", _read_job),
        trials_wanted=stage.whole("trials_wanted"),
        trials=tuple(_read_trial(trial) for trial in stage.children("trials")),
        winner=_maybe(stage, "winner", _read_winner),
        verified=_maybe(stage, "verified", _read_verified),
        gate_forced=stage.flag("gate_forced"),
        # A state of before there was promotion does not say.
        promoted="promoted" in stage.data and stage.flag("promoted"),
        reason=stage.maybe_text("reason"),
        started_at=stage.moment("started_at"),
        ended_at=stage.moment("ended_at"),
    )


def trial_json(trial: Trial) -> Json:
    """Return the JSON object of a trial; where it stands right now is left out."""
    return {
        "trial_id": trial.trial_id,
        "attempt": trial.attempt,
        "status": trial.status,
        "origin": trial.origin,
        "parameters": _values(trial.assignment),
        "best_mean_reward": _number(trial.best_mean_reward),
        "panel_mean_reward": _number(trial.panel.mean_reward) if trial.panel else None,
        "gate_passed": trial.verdict.passed if trial.verdict else None,
        "gate_reasons": list(trial.verdict.reasons) if trial.verdict else [],
        "panel": score_json(trial.panel) if trial.panel else None,
        "checkpoint": _checkpoint(trial.checkpoint) if trial.checkpoint else None,
        "final_checkpoint": _checkpoint(trial.final_checkpoint) if trial.final_checkpoint else None,
        "steps_asked": trial.steps_asked,
        "steps_trained": trial.steps_trained,
        "duration_s": _number(trial.duration_s),
        "reason": trial.reason,
        "seed": trial.seed,
        "resolved": _values(trial.parameters),
    }


def _read_trial(trial: Reader) -> Trial:
    passed = trial.maybe_flag("gate_passed")
    return Trial(
        trial_id=trial.text("trial_id"),
        attempt=trial.whole("attempt"),
        status=trial.word("status", get_args(TrialStatus)),
        assignment=_read_values(trial, "parameters"),
        parameters=_read_values(trial, "resolved"),
        origin=trial.text("origin"),
        best_mean_reward=trial.maybe_number("best_mean_reward"),
        panel=_maybe(trial, "panel", _read_score),
        verdict=None if passed is None else Verdict(passed, trial.texts("gate_reasons")),
        checkpoint=_maybe(trial, "checkpoint", _read_checkpoint),
        final_checkpoint=_maybe(trial, "final_checkpoint", _read_checkpoint),
        steps_asked=trial.maybe_whole("steps_asked"),
        steps_trained=trial.maybe_whole("steps_trained"),
        duration_s=trial.maybe_number("duration_s"),
        reason=trial.maybe_text("reason"),
        seed=trial.maybe_whole("seed"),
    )


def _winner(winner: Winner, verified: Verified | None) -> Json:
    return {
        "trial_id": winner.trial.trial_id,
        "objective": _number(winner.objective),
        "gate_passed": winner.gate_passed,
        "best_mean_reward": _number(winner.trial.best_mean_reward),
        "panel": score_json(winner.trial.panel) if winner.trial.panel else None,
        "test": score_json(verified.winner) if verified else None,
        "checkpoint": _checkpoint(winner.checkpoint),
        # Whole, as it was when it was chosen: that is what the choice stands on.
        "trial": trial_json(winner.trial),
    }


def _read_winner(winner: Reader) -> Winner:
    return Winner(
        trial=_read_trial(winner.child("trial")),
        objective=winner.number("objective"),
        checkpoint=_read_checkpoint(winner.child("checkpoint")),
        gate_passed=winner.flag("gate_passed"),
    )


def _verified(verified: Verified) -> Json:
    named = {field.name: getattr(verified, field.name) for field in fields(verified)}
    return {name: score_json(score) if score else None for name, score in named.items()}


def _read_verified(verified: Reader) -> Verified:
    return Verified(
        winner=_read_score(verified.child("winner")),
        zero=_read_score(verified.child("zero")),
        random=_read_score(verified.child("random")),
        untrained=_read_score(verified.child("untrained")),
        default=_maybe(verified, "default", _read_score),
    )


def score_json(score: Score) -> Json:
    """Return the JSON object of a score."""
    return {
        "episodes": score.episodes,
        "mean_reward": _number(score.mean_reward),
        "std_reward": _number(score.std_reward),
        "mean_length": _number(score.mean_length),
        "full_length_rate": _number(score.full_length_rate),
        "success_rate": _number(score.success_rate),
        "metrics": {name: _number(value) for name, value in score.metrics.items()},
    }


def _read_score(score: Reader) -> Score:
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


def _checkpoint(checkpoint: Checkpoint) -> Json:
    return {"uri": checkpoint.uri, "kind": checkpoint.kind, "trial_id": checkpoint.trial_id}


def _read_checkpoint(checkpoint: Reader) -> Checkpoint:
    kind: CheckpointKind = checkpoint.word("kind", get_args(CheckpointKind))
    return Checkpoint(checkpoint.text("uri"), kind, checkpoint.text("trial_id"))


def _job(job: JobRef) -> Json:
    return {"backend": job.backend, "name": job.name, "url": job.url}


def _read_job(job: Reader) -> JobRef:
    return JobRef(job.text("backend"), job.text("name"), job.maybe_text("url"))


def _maybe(reader: Reader, key: str, read_it: Callable[[Reader], T]) -> T | None:
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


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
