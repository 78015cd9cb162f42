"""A sweep as one JSON document, for scripts. Keys never change their meaning."""

from __future__ import annotations

from typing import Any

from mesosweep.domain.score import Score
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Trial
from mesosweep.report.events import plain

VERSION = 1


def status_document(state: SweepState) -> dict[str, Any]:
    """Return what `mesosweep status --json` prints."""
    return {
        "version": VERSION,
        "species": state.species,
        "algorithm": state.algorithm,
        "attempt": state.attempt,
        "fingerprint": state.fingerprint,
        "started_at": plain(state.started_at),
        "finished_at": plain(state.finished_at),
        "stages": [_stage(stage, state) for stage in state.stages],
    }


def _stage(stage: StageState, state: SweepState) -> dict[str, Any]:
    return {
        "stage": stage.stage,
        "name": stage.name,
        "status": stage.status,
        "attempt": stage.attempt,
        "gate_passed": stage.winner.gate_passed if stage.winner else None,
        "gate_forced": stage.gate_forced,
        "promoted": stage.promoted,
        "stale": stage.stage in state.stale,
        "reason": stage.reason,
        "trials_wanted": stage.trials_wanted,
        "started_at": plain(stage.started_at),
        "ended_at": plain(stage.ended_at),
        "trials": [_trial(trial) for trial in stage.trials],
        "winner": _winner(stage),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    found: dict[str, Any] = plain(
        {
            "trial_id": trial.trial_id,
            "attempt": trial.attempt,
            "status": trial.status,
            "reason": trial.reason,
            "origin": trial.origin,
            "parameters": trial.assignment,
            "resolved": trial.parameters,
            "best_mean_reward": trial.best_mean_reward,
            "panel_mean_reward": trial.panel.mean_reward if trial.panel else None,
            "panel": _score(trial.panel),
            "gate_passed": trial.verdict.passed if trial.verdict else None,
            "gate_reasons": trial.verdict.reasons if trial.verdict else (),
            "checkpoint": trial.checkpoint.uri if trial.checkpoint else None,
            "steps_asked": trial.steps_asked,
            "steps_trained": trial.steps_trained,
            "duration_s": trial.duration_s,
            "seed": trial.seed,
            "progress": trial.progress,
        }
    )
    return found


def _winner(stage: StageState) -> dict[str, Any] | None:
    winner, verified = stage.winner, stage.verified
    if winner is None:
        return None
    found: dict[str, Any] = plain(
        {
            "trial_id": winner.trial.trial_id,
            "attempt": winner.trial.attempt,
            "best_mean_reward": winner.trial.best_mean_reward,
            "panel": _score(winner.trial.panel),
            "test": _score(verified.winner) if verified else None,
            "baselines": (
                {
                    name: _score(getattr(verified, name))
                    for name in ("zero", "random", "untrained", "default")
                }
                if verified
                else None
            ),
            "checkpoint": winner.checkpoint.uri,
            "gate_passed": winner.gate_passed,
        }
    )
    return found


def _score(score: Score | None) -> dict[str, Any] | None:
    if score is None:
        return None
    found: dict[str, Any] = plain(score)
    return {**found, "half_width_95": plain(score.half_width)}
