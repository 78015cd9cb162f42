"""Periodic checkpoints of a trial under way: what it goes on from when its worker is lost."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.records.bundle import seal, verified
from mesosweep.records.files import sync_folder, writing

_MANIFEST = "manifest.json"
_KEEP = 2
_HEAVY_BYTES = 64 * 2**20
"""From this size on (a replay buffer) only the latest one is kept."""


@dataclass(frozen=True, slots=True)
class PeriodicCheckpoint:
    """A whole one."""

    folder: Path
    step: int
    meta: Mapping[str, Any]


def publish_periodic(
    checkpoints: Path,
    save: Callable[[Path], None],
    *,
    step: int,
    meta: Mapping[str, Any] | None = None,
) -> PeriodicCheckpoint:
    """Save a checkpoint as `<checkpoints>/<step>/`, then let go of the older ones.

    `save(folder)` writes its parts into an empty folder.

    Raises:
        StoreError: the disk is full or read-only. The older checkpoints still stand.
    """
    target = checkpoints / str(step)
    with writing(target):
        checkpoints.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=checkpoints))
        try:
            save(aside)
            seal(aside, _MANIFEST, step=step, meta=meta or {})
            _put_in_place(aside, target)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        sync_folder(checkpoints)
    keep = 1 if _size(target) >= _HEAVY_BYTES else _KEEP
    for old in _newest_first(checkpoints)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return PeriodicCheckpoint(target, step, meta or {})


def latest_whole(checkpoints: Path) -> tuple[PeriodicCheckpoint | None, tuple[str, ...]]:
    """Return the newest checkpoint that is whole, and why newer ones were passed over."""
    passed_over = []
    for folder in _newest_first(checkpoints):
        try:
            bundle = verified(folder, folder / _MANIFEST)
        except CheckpointDamaged as reason:
            passed_over.append(str(reason))
            continue
        return PeriodicCheckpoint(folder, bundle.step, bundle.meta), tuple(passed_over)
    return None, tuple(passed_over)


def drop_periodic(checkpoints: Path) -> None:
    """Remove all periodic checkpoints, when the trial has ended."""
    shutil.rmtree(checkpoints, ignore_errors=True)


def clear_unfinished(checkpoints: Path) -> None:
    """Put in order what a killed writer left. Only the trial's one writer may do this.

    What is whole only waited for its place, whose former holder may be gone in part or
    altogether; what is half-written is removed.
    """
    for folder in checkpoints.glob(".aside-*"):
        with contextlib.suppress(CheckpointDamaged):
            _put_in_place(folder, checkpoints / str(verified(folder, folder / _MANIFEST).step))
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(sealed: Path, target: Path) -> None:
    if target.exists():
        # The same step again: a resumed run has come past here, or has come further in it.
        shutil.rmtree(target)
    sealed.replace(target)


def _newest_first(checkpoints: Path) -> list[Path]:
    if not checkpoints.is_dir():
        return []
    folders = [path for path in checkpoints.iterdir() if path.name.isdecimal() and path.is_dir()]
    return sorted(folders, key=lambda path: int(path.name), reverse=True)


def _size(folder: Path) -> int:
    return sum(part.stat().st_size for part in folder.iterdir())
