"""What the supervisor decided about a trial, on disk before the trial begins, and what became of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mesosweep.domain.errors import StateDamaged, StoreUnreachable
from mesosweep.domain.seeds import training_seed
from mesosweep.domain.study import Study, trial_arguments
from mesosweep.domain.trial import Trial, TrialStatus
from mesosweep.ports import TrialOrder
from mesosweep.records.files import write_json
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Circumstances, Damaged, read_trial, write_metrics
from mesosweep.records.periodic import drop_periodic
from mesosweep.records.progress import latest_progress

ORDER = "order.json"
"""Its presence means that the trial was begun."""


def folder_of(order: TrialOrder) -> TrialFolder:
    return TrialFolder(Path(order.study.folder) / order.trial_id)


def keep_order(order: TrialOrder) -> None:
    """Write the order of a trial into its folder; raises StoreError."""
    write_json(
        folder_of(order).path / ORDER,
        {
            "trial_id": order.trial_id,
            "origin": order.origin,
            "assignment": dict(order.assignment),
            "command": ["mesosweep", *trial_arguments(order.study, order.assignment)],
        },
    )


def begun(study: Study) -> dict[str, TrialOrder]:
    """Return the orders of all trials that were ever begun, by id.

    Raises:
        StateDamaged: an order is there and cannot be believed.
        StoreUnreachable: the stage's folder cannot be read.
    """
    stage = Path(study.folder)
    try:
        folders = sorted(path for path in stage.iterdir() if path.is_dir())
    except FileNotFoundError:
        return {}
    except OSError as cause:
        raise StoreUnreachable(
            f"{stage}: cannot be read: {cause.strerror or cause}.",
            hint="Whether trials lie there is not known, so nothing was started.",
        ) from cause
    found = (_order(study, folder) for folder in folders)
    return {order.trial_id: order for order in found if order is not None}


def ended(order: TrialOrder) -> Trial | None:
    """Return the trial if it has ended; raises StateDamaged when its record cannot be believed."""
    match read_trial(folder_of(order).metrics):
        case None:
            return None
        case Damaged(path, reason):
            raise StateDamaged(
                f"{reason.rstrip('.')}.",
                hint=f"Restore the file, or remove it to train the trial again: {path}",
            )
        case trial:
            return replace(trial, assignment=order.assignment, origin=order.origin)


def running(order: TrialOrder) -> Trial:
    """Return the trial as it stands, not having ended."""
    return Trial(
        trial_id=order.trial_id,
        attempt=order.study.attempt,
        status="running",
        assignment=order.assignment,
        origin=order.origin,
        steps_asked=order.study.settings.timesteps,
        progress=latest_progress(folder_of(order).progress),
    )


def record_lost(order: TrialOrder, status: TrialStatus, reason: str) -> None:
    """Write the record that a worker could not write itself; raises StoreError."""
    study, folder = order.study, folder_of(order)
    # A worker that went down with its record half-way may have got it out after all.
    if read_trial(folder.metrics) is not None:
        return
    progress = latest_progress(folder.progress)
    trial = replace(
        running(order),
        status=status,
        steps_trained=progress.step if progress else 0,
        reason=reason,
        seed=training_seed(
            sweep_seed=study.settings.seed,
            stage=study.stage,
            attempt=study.attempt,
            trial=int(order.trial_id) if order.trial_id.isdigit() else 0,
        ),
    )
    last = progress.last_evaluation if progress else None
    write_metrics(
        folder.metrics, trial, Circumstances(study.species, study.algorithm, study.stage, last=last)
    )
    drop_periodic(folder.checkpoints)


def _order(study: Study, folder: Path) -> TrialOrder | None:
    path = folder / ORDER
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return TrialOrder(study, folder.name, dict(told["assignment"]), str(told["origin"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise StateDamaged(
            f"{path}: cannot be believed: {cause!r}.",
            hint="Restore it, or remove the trial's folder to have its place filled anew.",
        ) from cause
