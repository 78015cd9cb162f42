"""The state of a sweep as JSON: what is saved, and what `status --json` prints.

Keys that only repeat others (`panel_mean_reward`, `gate_passed`, what `winner` says
beside its trial) are for scripts; reading ignores them.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from typing import get_args

from mesosweep.domain.events import Verified
from mesosweep.domain.state import StageState, StageStatus, SweepState
from mesosweep.domain.study import JobRef
from mesosweep.domain.winner import Winner
from mesosweep.stores._reader import Reader
from mesosweep.stores.trial_json import (
    Json,
    checkpoint_json,
    maybe,
    number_json,
    read_checkpoint,
    read_score,
    read_trial,
    score_json,
    trial_json,
)

VERSION = 1
"""Of the file's schema. A file of another version is refused, never guessed at."""


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
        job=maybe(stage, "job", _read_job),
        trials_wanted=stage.whole("trials_wanted"),
        trials=tuple(read_trial(trial) for trial in stage.children("trials")),
        winner=maybe(stage, "winner", _read_winner),
        verified=maybe(stage, "verified", _read_verified),
        gate_forced=stage.flag("gate_forced"),
        # A state of before there was promotion does not say.
        promoted="promoted" in stage.data and stage.flag("promoted"),
        reason=stage.maybe_text("reason"),
        started_at=stage.moment("started_at"),
        ended_at=stage.moment("ended_at"),
    )


def _winner(winner: Winner, verified: Verified | None) -> Json:
    return {
        "trial_id": winner.trial.trial_id,
        "objective": number_json(winner.objective),
        "gate_passed": winner.gate_passed,
        "best_mean_reward": number_json(winner.trial.best_mean_reward),
        "panel": score_json(winner.trial.panel) if winner.trial.panel else None,
        "test": score_json(verified.winner) if verified else None,
        "checkpoint": checkpoint_json(winner.checkpoint),
        # Whole, as it was when it was chosen: that is what the choice stands on.
        "trial": trial_json(winner.trial),
    }


def _read_winner(winner: Reader) -> Winner:
    return Winner(
        trial=read_trial(winner.child("trial")),
        objective=winner.number("objective"),
        checkpoint=read_checkpoint(winner.child("checkpoint")),
        gate_passed=winner.flag("gate_passed"),
    )


def _verified(verified: Verified) -> Json:
    named = {field.name: getattr(verified, field.name) for field in fields(verified)}
    return {name: score_json(score) if score else None for name, score in named.items()}


def _read_verified(verified: Reader) -> Verified:
    return Verified(
        winner=read_score(verified.child("winner")),
        zero=read_score(verified.child("zero")),
        random=read_score(verified.child("random")),
        untrained=read_score(verified.child("untrained")),
        default=maybe(verified, "default", read_score),
    )


def _job(job: JobRef) -> Json:
    return {"backend": job.backend, "name": job.name, "url": job.url}


def _read_job(job: Reader) -> JobRef:
    return JobRef(job.text("backend"), job.text("name"), job.maybe_text("url"))


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
