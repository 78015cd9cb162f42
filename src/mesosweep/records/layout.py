"""Where everything lies on disk. Pure: names only, nothing is touched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.trial import CheckpointKind

_STAGE = re.compile(r"stage(?P<stage>\d+)(?:_a(?P<attempt>\d+))?")


def sweep_folder(output: Path, *, species: str, algorithm: str) -> Path:
    """Return the folder of a sweep."""
    return output / "sweeps" / species / algorithm


def stage_folder(sweep: Path, *, stage: int, attempt: int = 0) -> Path:
    """Return the folder of one stage's trials; attempt 0 has the plain name."""
    return sweep / (f"stage{stage}_a{attempt}" if attempt else f"stage{stage}")


def stage_and_attempt(folder: str) -> tuple[int, int] | None:
    """Read stage and attempt off a folder's name; None when it is no stage folder."""
    match = _STAGE.fullmatch(folder)
    return None if match is None else (int(match["stage"]), int(match["attempt"] or 0))


@dataclass(frozen=True, slots=True)
class TrialFolder:
    """The files of one trial."""

    path: Path

    @property
    def metrics(self) -> Path:
        """Written when the trial ends: its record."""
        return self.path / "metrics.json"

    @property
    def stage_config(self) -> Path:
        """Written when the trial begins: everything as resolved."""
        return self.path / "stage_config.json"

    @property
    def progress(self) -> Path:
        return self.path / "progress.jsonl"

    @property
    def stop(self) -> Path:
        """Written when the trial is to end early; gone when it has ended."""
        return self.path / "stop.json"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def best(self) -> Path:
        """Policy zip of the best bundle."""
        return self.models / "best_model.zip"

    def final(self, stage: int) -> Path:
        """Return the policy zip of the bundle that training ended with."""
        return self.models / f"stage{stage}_final.zip"

    def bundle(self, kind: CheckpointKind, *, stage: int) -> Path:
        return self.best if kind == "best" else self.final(stage)

    @property
    def checkpoints(self) -> Path:
        """Periodic checkpoints; gone when the trial has ended."""
        return self.path / "checkpoint"


def manifest_of(policy: Path) -> Path:
    """Return the manifest of the bundle that a policy zip belongs to."""
    return policy.with_name(f"{policy.stem}.manifest.json")


def pending_of(policy: Path) -> Path:
    """Return where the next version of a bundle waits, whole, while it is being put in place."""
    return policy.with_name(f".{policy.stem}.next")
