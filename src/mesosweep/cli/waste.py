"""What of a sweep nobody needs any more, and what must never go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mesosweep.cli.found import place_of, trial_folders
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import ENDED
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import read_metrics

Keep: TypeAlias = Literal["all", "best"]
_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")
"""What `tempfile` leaves behind when a process is killed between writing and renaming."""


@dataclass(frozen=True, slots=True)
class Waste:
    """Something that may be thrown away."""

    path: Path
    why: str
    n_bytes: int


def waste(root: Path, states: list[SweepState], *, keep: Keep) -> Iterator[Waste]:
    """Yield what may go, given every state that is saved for this folder.

    Periodic checkpoints of ended trials always may; with `keep="best"` also the bundles
    of trials that lost a finished stage. Winners, parents of a stage and the species' own
    configuration never go, whichever attempt they belong to.
    """
    yield from _temporary(root)
    protected = {_canonical(root, uri) for state in states for uri in _needed(state)}
    losers = {
        (stage.stage, *trial.identity)
        for state in states
        for stage in state.stages
        if stage.status == "finished"
        for trial in stage.trials
        if trial.has_ended and trial.origin != "default"
    }
    for folder in map(TrialFolder, trial_folders(root)):
        if not _has_ended(folder):
            continue
        if folder.checkpoints.is_dir():
            why = "periodic checkpoint of an ended trial"
            yield Waste(folder.checkpoints, why, _weight(folder.checkpoints))
        if keep == "best" and folder.models.is_dir() and place_of(folder.path) in losers:
            models = folder.models.resolve()
            if not any(models in path.parents for path in protected):
                why = "checkpoints of a trial that did not win"
                yield Waste(folder.models, why, _weight(folder.models))


def _needed(state: SweepState) -> Iterator[str]:
    for stage in state.stages:
        yield from _of_stage(stage)


def _of_stage(stage: StageState) -> Iterator[str]:
    if stage.winner is not None:
        yield stage.winner.checkpoint.uri
    if stage.parent is not None:
        yield stage.parent


def _canonical(root: Path, uri: str) -> Path:
    """Return where a checkpoint lies now.

    A sweep run with a relative folder from elsewhere saved paths that mean nothing here;
    what follows the sweep's own folder in them still does.
    """
    marker = f"/{root.parent.name}/{root.name}/"
    _, found, below = f"/{uri}".rpartition(marker)
    return (root / below if found else Path(uri)).resolve()


def _temporary(root: Path) -> Iterator[Waste]:
    for path in sorted(root.rglob(".*")):
        if path.is_file() and path.name != ".lock" and _TEMPORARY.fullmatch(path.name):
            yield Waste(path, "left over by a process that was killed", path.stat().st_size)


def _has_ended(folder: TrialFolder) -> bool:
    metrics = read_metrics(folder.metrics)
    return isinstance(metrics, dict) and metrics.get("status") in ENDED


def _weight(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
