"""`metrics.json`: the record of one trial, written once when it ends, and read by everybody else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from mesosweep.domain.errors import StateDamaged
from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.trial import Checkpoint, CheckpointKind, Evaluation, Trial, TrialStatus
from mesosweep.records.files import write_json
from mesosweep.records.scores import score_from, score_to

_FORWARD_VELOCITY = "forward_velocity"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a record tells beside the trial itself."""

    species: str
    algorithm: str
    stage: int
    best: Evaluation | None = None
    last: Evaluation | None = None
    parent: Mapping[str, Any] | None = None
    """Where a warm start began: uri, step, identity."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A record that cannot be believed; scanning goes on past it."""

    path: Path
    reason: str


def write_metrics(path: Path, trial: Trial, circumstances: Circumstances) -> None:
    """Write the record of a trial that has ended; raises StoreError."""
    write_json(path, metrics_of(trial, circumstances, folder=path.parent))


def metrics_of(trial: Trial, circumstances: Circumstances, *, folder: Path) -> dict[str, Any]:
    """Return the record of a trial. Unmeasured is null, never zero.

    Who chose the parameters is not in it: the worker that writes it was only given them.
    """
    best, last = circumstances.best, circumstances.last
    verdict = trial.verdict
    return {
        "trial_id": trial.trial_id,
        "attempt": trial.attempt,
        "species": circumstances.species,
        "algorithm": circumstances.algorithm,
        "stage": circumstances.stage,
        "seed": trial.seed,
        "status": trial.status,
        "reason": trial.reason,
        "steps_asked": trial.steps_asked,
        "steps_trained": trial.steps_trained,
        "training_duration_seconds": trial.duration_s,
        "best_mean_reward": trial.best_mean_reward,
        "best_mean_episode_length": best.score.mean_length if best else None,
        "best_step": best.step if best else None,
        "last_mean_reward": last.score.mean_reward if last else None,
        "last_mean_episode_length": last.score.mean_length if last else None,
        **_flat("panel", trial.panel),
        "mean_forward_vel": trial.panel.metrics.get(_FORWARD_VELOCITY) if trial.panel else None,
        "mean_success_rate": trial.panel.success_rate if trial.panel else None,
        "gate": None
        if verdict is None
        else {"passed": verdict.passed, "reasons": list(verdict.reasons)},
        "stage_passed": trial.passed,
        "parent": dict(circumstances.parent) if circumstances.parent else None,
        "checkpoint": _place(trial.checkpoint, folder),
        "final_checkpoint": _place(trial.final_checkpoint, folder),
        "assignment": dict(trial.assignment),
        "parameters": dict(trial.parameters),
        "panel": score_to(trial.panel),
        "versions": dict(circumstances.versions),
        "library_version": circumstances.versions.get("mesosweep"),
    }


def add_verified(path: Path, verified: Verified) -> None:
    """Add the winner's one score on the test block to its record.

    Raises:
        StateDamaged: there is no record to add to.
    """
    told = read_metrics(path)
    if not isinstance(told, dict):
        raise StateDamaged(
            told.reason if told else f"{path}: no such record.",
            hint="Run the same command again: the trial is measured anew.",
        )
    others = {
        "zero": verified.zero,
        "random": verified.random,
        "untrained": verified.untrained,
        "default": verified.default,
    }
    write_json(
        path,
        {
            **told,
            **_flat("test", verified.winner),
            "test": score_to(verified.winner),
            "test_against": {name: score_to(score) for name, score in others.items()},
        },
    )


def read_metrics(path: Path) -> dict[str, Any] | Damaged | None:
    """Return the content of a record; None when there is none yet."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as cause:
        return Damaged(path, f"{path}: cannot be read ({cause}).")
    if not isinstance(told, dict):
        return Damaged(path, f"{path}: is not a trial's record.")
    return told


def read_trial(path: Path) -> Trial | Damaged | None:
    """Return the trial of a record; None when it has not ended."""
    told = read_metrics(path)
    if not isinstance(told, dict):
        return told
    try:
        return _trial(told, path.parent)
    except KeyError as cause:
        return Damaged(path, f"{path}: lacks {cause}.")
    except (TypeError, ValueError) as cause:
        return Damaged(path, f"{path}: {cause}.")


def _trial(told: Mapping[str, Any], folder: Path) -> Trial:
    status = told["status"]
    if status not in get_args(TrialStatus):
        raise ValueError(f"status {status!r} is none of {', '.join(get_args(TrialStatus))}")
    gate = told["gate"]
    trial_id = str(told["trial_id"])
    return Trial(
        trial_id=trial_id,
        attempt=int(told["attempt"]),
        status=status,
        assignment=dict(told["assignment"]),
        parameters=dict(told["parameters"]),
        best_mean_reward=_float(told["best_mean_reward"]),
        panel=score_from(told["panel"]),
        verdict=None if gate is None else Verdict(bool(gate["passed"]), tuple(gate["reasons"])),
        checkpoint=_checkpoint(told["checkpoint"], "best", trial_id, folder),
        final_checkpoint=_checkpoint(told["final_checkpoint"], "final", trial_id, folder),
        steps_asked=_int(told["steps_asked"]),
        steps_trained=_int(told["steps_trained"]),
        duration_s=_float(told["training_duration_seconds"]),
        reason=told["reason"],
        seed=_int(told["seed"]),
    )


def _flat(evidence: str, score: Score | None) -> dict[str, Any]:
    """Return a score flat, for people and tables."""
    if score is None:
        return {f"{evidence}_mean_reward": None}
    return {
        f"{evidence}_episodes": score.episodes,
        f"{evidence}_mean_reward": score.mean_reward,
        f"{evidence}_std_reward": score.std_reward,
        f"{evidence}_mean_episode_length": score.mean_length,
        f"{evidence}_full_length_rate": score.full_length_rate,
        f"{evidence}_success_rate": score.success_rate,
        **{f"{evidence}_{name}": value for name, value in score.metrics.items()},
    }


def _place(checkpoint: Checkpoint | None, folder: Path) -> str | None:
    """Write a checkpoint in the trial's own folder relative to it, so that a sweep can be moved."""
    if checkpoint is None:
        return None
    path = Path(checkpoint.uri)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else checkpoint.uri


def _checkpoint(uri: Any, kind: CheckpointKind, trial_id: str, folder: Path) -> Checkpoint | None:
    if uri is None:
        return None
    if "://" not in str(uri):
        uri = folder / str(uri)  # an absolute path stays as it is
    return Checkpoint(uri=str(uri), kind=kind, trial_id=trial_id)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
