"""What makes trials comparable: the animal, its lessons and where they start, in full and by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from mesosweep.domain.plan import StagePlan
from mesosweep.domain.trial import Checkpoint, CheckpointKind
from mesosweep.plugins import SPECIES, Species
from mesosweep.settings.desk import Desk
from mesosweep.settings.stages import content, digest
from mesosweep.settings.trial import overlaid, own_hyperparameters


def comparables_of(
    desk: Desk, stages: list[StagePlan], *, load: Checkpoint | None, handoff: CheckpointKind
) -> dict[str, Any]:
    """Return what makes trials comparable, in full, so that a difference can be named."""
    lessons = {}
    for plan in stages:
        settings = asdict(plan.settings)
        # How often a trial is saved changes nothing about it.
        del settings["save_freq"]
        lessons[str(plan.number)] = {
            **lesson_of(desk, plan.number),
            "space": plan.space.entries(),
            "settings": settings,
        }
    return {
        **installed_species(desk),
        "algorithm": desk.algorithm,
        "stages": lessons,
        "load": _identity(load) if load else None,
        "handoff": handoff,
    }


def lesson_of(desk: Desk, number: int) -> dict[str, Any]:
    """Return a stage as every trial of it is given it, whatever is searched."""
    stage = overlaid(desk.vocabulary, number, desk.overrides)
    # Only this algorithm's table matters, and its values, not how they were spelt.
    judged = {k: v for k, v in content(stage).items() if k != "algorithms"}
    return {**judged, "hyperparameters": own_hyperparameters(desk.vocabulary.algorithm, stage)}


def installed_species(desk: Desk) -> dict[str, Any]:
    """Return which animal is installed: its name, version and code."""
    rows = desk.registry.status(SPECIES)
    versions = [row.version for row in rows if row.name == desk.species]
    return {
        "species": desk.species,
        "species_version": versions[0] if versions else "?",
        "species_code": species_code(desk.registry.get(SPECIES, desk.species)),
    }


def species_code(species: Species) -> str:
    """Return a digest of the package that makes the animal: model, rewards, terminations."""
    folder = species.stages.partition(":")[0]
    return digest({name: hashlib.sha256(data).hexdigest() for name, data in _files(files(folder))})


def _files(folder: Traversable, below: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files(entry, f"{below}{entry.name}/")
        elif entry.is_file() and entry.name.endswith((".py", ".xml", ".stl", ".obj", ".png")):
            yield below + entry.name, entry.read_bytes()


def _identity(checkpoint: Checkpoint) -> str:
    """Return what stays the same when a checkpoint is moved."""
    path = Path(checkpoint.uri)
    if not path.is_file():
        return checkpoint.uri
    # It names every part with its hash; that they are what it says is checked before anything runs.
    manifest = path.with_name(f"{path.stem}.manifest.json")
    path = manifest if manifest.is_file() else path
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
