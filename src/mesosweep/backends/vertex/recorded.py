"""What trials left in the bucket: their own records, without which no trial can win."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from mesosweep.backends.vertex.request import Go
from mesosweep.domain.space import Value
from mesosweep.domain.trial import Checkpoint, Progress, Trial
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Damaged, read_trial
from mesosweep.records.progress import TAIL_BYTES, latest_progress


class Bucket(Protocol):
    """Objects by their `gs://` address. Raises StoreError; unreachable is never absent."""

    def read(self, uri: str, *, tail: int | None = None) -> bytes | None:
        """Return an object, or its last `tail` bytes; None only when there surely is none."""

    def seen(self, uri: str) -> tuple[bytes, str] | None:
        """Return an object and its version; None only when there surely is none."""

    def replace(
        self, uri: str, content: bytes, *, version: str | None, token: str, writer: str
    ) -> str:
        """Write if `version` is the latest, None for nothing, and return the new version.

        A write whose reply was lost is known again by its token. Raises StoreConflict when it
        is not the latest.
        """

    def write(self, uri: str, content: bytes) -> None:
        """Replace an object in one step, whatever it is."""

    def names(self, prefix: str) -> Collection[str]:
        """Return the addresses of all objects that begin with `prefix`."""


def as_recorded(trial: Trial, go: Go, bucket: Bucket) -> Trial:
    """Return a trial with all that its worker wrote of it, where it wrote anything.

    The record beats the service: a trial that has one has ended, whatever became of its
    job. A trial that the service calls finished and that has none cannot be used, nor one
    whose record is of other values than the service chose.
    """
    folder = f"{go.folder}/{trial.trial_id}"
    record = read_record(folder, bucket)
    match record:
        case Trial() if (name := _contradicted(trial, record)) is not None:
            reason = (
                f"another trial wrote here: {folder}/metrics.json tells of {name} "
                f"{record.assignment[name]!r}, and Vertex AI chose {trial.assignment[name]!r}"
            )
            return replace(trial, status="failed", reason=reason)
        case Trial():
            return replace(
                record,
                trial_id=trial.trial_id,
                attempt=trial.attempt,
                assignment=trial.assignment,
                origin=trial.origin,
            )
        case Damaged(reason=reason):
            return replace(trial, status="failed", reason=reason.rstrip("."))
    if trial.status == "finished":
        reason = f"Vertex AI calls it finished, but it left no {folder}/metrics.json"
        return replace(trial, status="failed", reason=reason)
    if trial.status == "running":
        return replace(trial, progress=read_progress(folder, bucket))
    return trial


def read_record(folder: str, bucket: Bucket) -> Trial | Damaged | None:
    """Return the record of a trial folder, its checkpoints by their addresses in the bucket."""
    content = bucket.read(f"{folder}/metrics.json")
    if content is None:
        return None
    with TemporaryDirectory(prefix="mesosweep-") as place:
        # A record speaks of its folder; read in another, it is told from there.
        local = TrialFolder(Path(place))
        local.metrics.write_bytes(content)
        trial = read_trial(local.metrics)
        if isinstance(trial, Damaged):
            return Damaged(Path(folder), trial.reason.replace(place, folder))
        return trial and replace(
            trial,
            checkpoint=_moved(trial.checkpoint, place, folder),
            final_checkpoint=_moved(trial.final_checkpoint, place, folder),
        )


def read_progress(folder: str, bucket: Bucket) -> Progress | None:
    """Return where a running trial stands; None when it has not said yet."""
    content = bucket.read(f"{folder}/progress.jsonl", tail=TAIL_BYTES)
    if content is None:
        return None
    with TemporaryDirectory(prefix="mesosweep-") as place:
        local = TrialFolder(Path(place))
        # The first line may be cut; a line that is not JSON is passed over.
        local.progress.write_bytes(content)
        return latest_progress(local.progress)


def _contradicted(trial: Trial, record: Trial) -> str | None:
    """Return the first parameter of which a record has another value than the service."""
    both = ((n, chosen, record.assignment.get(n)) for n, chosen in trial.assignment.items())
    return next((name for name, chosen, had in both if _differ(chosen, had)), None)


def _differ(chosen: Value, had: Value | None) -> bool:
    # An argument may be spelled with fewer digits than the service keeps.
    if isinstance(chosen, int | float) and isinstance(had, int | float):
        return not math.isclose(chosen, had, rel_tol=1e-6)
    return isinstance(chosen, str) and isinstance(had, str) and chosen != had


def _moved(checkpoint: Checkpoint | None, place: str, folder: str) -> Checkpoint | None:
    if checkpoint is None:
        return None
    uri = checkpoint.uri
    if uri.startswith(f"{place}/"):
        uri = f"{folder}/{uri.removeprefix(f'{place}/')}"
    elif uri.startswith("/gcs/"):
        uri = f"gs://{uri.removeprefix('/gcs/')}"
    return replace(checkpoint, uri=uri)
