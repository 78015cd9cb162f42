"""What configurations that were trained anew come to, as one JSON document that is kept beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mesosweep.records.files import write_json
from mesosweep.report.events import plain
from mesosweep.report.statistics import Comparison, Interval
from mesosweep.report.verification import Configuration, Run, Verification
from mesosweep.report.verification_view import sentences

VERSION = 1
NAME = "verification.json"
"""In the folder of the runs, `verify/stage<N>-<steps>`."""


def verification_document(found: Verification) -> dict[str, Any]:
    """Return the same as one JSON document, run by run. Not finite is null."""
    choice = found.choice
    document: dict[str, Any] = plain(
        {
            "version": VERSION,
            "species": found.species,
            "algorithm": found.algorithm,
            "stage": found.stage,
            "stage_name": found.stage_name,
            "timesteps": found.steps,
            "episodes": found.episodes,
            "choice": choice and _name(choice),
            "distinguishable": found.is_clear,
            "beats_winner": _comparison(found.against_winner),
            "told": sentences(found),
            "configurations": [
                {
                    **_name(one),
                    "called": one.called,
                    "is_winner": one.is_winner,
                    "parameters": one.trial.assignment,
                    "search_panel": one.trial.panel,
                    "iqm": one.iqm and _interval(one.iqm),
                    "runs": [_run(run) for run in one.runs],
                    "beats_next": _comparison(told),
                }
                for one, told in zip(found.configurations, (*found.comparisons, None), strict=True)
            ],
        }
    )
    return document


def write_verification(folder: Path, found: Verification) -> None:
    """Keep what was found beside the runs, for the page; raises StoreError."""
    write_json(folder / NAME, verification_document(found))


def _name(one: Configuration) -> dict[str, Any]:
    return {"trial_id": one.trial.trial_id, "attempt": one.trial.attempt}


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.trial.trial_id,
        "status": run.trial.status,
        "reason": run.trial.reason,
        "seed": run.trial.seed,
        "steps_trained": run.trial.steps_trained,
        "checkpoint": run.trial.checkpoint.uri if run.trial.checkpoint else None,
        "held_out": run.held_out,
    }


def _interval(told: Interval) -> dict[str, float]:
    return {"value": told.value, "low": told.low, "high": told.high}


def _comparison(told: Comparison | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "probability": _interval(told.probability),
        "p_value": told.p_value,
        "distinguishable": told.is_clear,
    }
