"""`stage_config.json`: what a trial was run with, everything resolved, written when it begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import StoreError
from mesosweep.records.files import write_json


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One stage of one trial, as resolved in the worker."""

    species: str
    stage: int
    name: str
    algorithm: str
    reward_weights: Mapping[str, Any]
    """Env settings that training sees."""
    reference: Mapping[str, Any]
    """Env settings that evaluation and panel see."""
    hyperparameters: Mapping[str, Any]
    curriculum: Mapping[str, Any]
    run: Mapping[str, Any]
    """seed, n_envs, timesteps, eval_freq, …"""
    gate: Mapping[str, Any] = field(default_factory=dict)
    """What the stage asks of a trial; thresholds that it leaves out are null."""
    library_version: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def write_stage_config(path: Path, config: StageConfig) -> None:
    """Write it; raises StoreError."""
    write_json(path, asdict(config))


def read_stage_config(path: Path) -> StageConfig:
    """Read it; raises StoreError when it is missing or cannot be believed."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        known = StageConfig.__dataclass_fields__
        return StageConfig(**{name: value for name, value in told.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError) as cause:
        raise StoreError(
            f"{path}: cannot be read ({cause}).",
            hint="Run the trial again, or restore the file.",
        ) from cause
