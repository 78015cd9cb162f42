"""From stage files to a curriculum: what a species teaches, read strictly."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from mesosweep.domain.curriculum import Curriculum, Settings, Stage
from mesosweep.domain.errors import PluginError, SettingsError
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Value
from mesosweep.plugins import ALGORITHMS, Registry, Species
from mesosweep.settings.complaints import from_pydantic, unknown
from mesosweep.settings.stage_tables import CurriculumTable, GateTable, StageFile

_FILE = re.compile(r"stage([1-9]\d*)_([a-z0-9_]+)\.toml")


class _Place(Protocol):
    """The part of `Path` that package resources have too."""

    @property
    def name(self) -> str: ...
    def read_bytes(self) -> bytes: ...


def load_curriculum(
    species: Species, stage_dir: Path | None = None, *, registry: Registry | None = None
) -> Curriculum:
    """Read all stages of a species, or those of `stage_dir` in their place.

    Hyperparameter tables are accepted for every installed algorithm; their keys
    are checked when a plan is made, since that needs the algorithm itself.

    Raises:
        SettingsError: a file is malformed, or holds a key that nobody knows.
        PluginError: the species names a folder that its distribution lacks.
    """
    algorithms = (registry or Registry()).names(ALGORITHMS)
    found: dict[int, Stage] = {}
    for source, where in _files(species, stage_dir):
        number, stage = _stage(source, where, species=species, algorithms=algorithms)
        if number in found:
            raise SettingsError(f"{where}: there is another file for stage {number}.")
        found[number] = stage
    numbers = sorted(found)
    folder = str(stage_dir or species.stages)
    if not numbers:
        raise SettingsError(f"{folder}: no stage files; they are named stage<N>_<name>.toml.")
    if numbers != list(range(1, len(numbers) + 1)):
        raise SettingsError(f"{folder}: stages must be numbered 1, 2, 3, … (got {numbers}).")
    stages = tuple(found[number] for number in numbers)
    return Curriculum(stages, digest([content(stage) for stage in stages]))


def content(stage: Stage) -> dict[str, Any]:
    """Return what trials of a stage are trained and judged on, JSON-able; no prose."""
    return {
        "name": stage.name,
        "env": dict(stage.env),
        "env_train": dict(stage.env_train),
        "algorithms": {name: dict(table) for name, table in stage.algorithms.items()},
        "curriculum": dict(stage.curriculum),
        "gate": {key: value for key, value in asdict(stage.gate).items() if value is not None},
    }


def digest(value: object) -> str:
    """Return a short digest of JSON-able content; equal content, equal digest."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def export_stages(species: Species, directory: Path) -> tuple[Path, ...]:
    """Copy the species' stage files out to be edited; returns what was written.

    Raises:
        SettingsError: a file of that name is there already, or the folder cannot be written.
    """
    files = [(directory / source.name, source) for source, _ in _files(species, None)]
    for target, _ in files:
        if target.exists():
            raise SettingsError(
                f"{target}: already there.", hint="Give another folder, or remove the file."
            )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for target, source in files:
            _write(target, source.read_bytes())
    except OSError as cause:
        raise SettingsError(f"{directory}: cannot be written: {cause.strerror}.") from cause
    return tuple(target for target, _ in files)


def _files(species: Species, stage_dir: Path | None) -> list[tuple[_Place, str]]:
    """Return stage files with the name under which errors speak of them."""
    if stage_dir is not None:
        try:
            paths = sorted(stage_dir.iterdir())
        except OSError as cause:
            raise SettingsError(f"{stage_dir}: {cause.strerror or 'cannot be read'}.") from cause
        return [(path, str(path)) for path in paths if path.suffix == ".toml"]
    package, _, folder = species.stages.partition(":")
    try:
        place = resources.files(package)
        for part in folder.split("/") if folder else ():
            place = place / part
        inside = sorted(place.iterdir(), key=lambda item: item.name)
    except (ImportError, OSError, ValueError) as cause:
        raise PluginError(
            f"Species '{species.name}': cannot read its stages '{species.stages}': {cause}."
        ) from cause
    return [(i, f"{species.stages}/{i.name}") for i in inside if i.name.endswith(".toml")]


def _stage(
    source: _Place, where: str, *, species: Species, algorithms: tuple[str, ...]
) -> tuple[int, Stage]:
    named = _FILE.fullmatch(source.name)
    if named is None:
        raise SettingsError(f"{where}: stage files are named stage<N>_<name>.toml.")
    raw = _toml(source, where)
    tables = {name: raw.pop(name) for name in algorithms if name in raw}
    try:
        read = StageFile.model_validate(raw)
    except ValidationError as cause:
        known = {*StageFile.model_fields, *algorithms}
        loc = cause.errors()[0]["loc"]
        if loc[0] == "curriculum" and len(loc) > 1:
            table = GateTable if loc[1] == "gate" and len(loc) > 2 else CurriculumTable
            known = set(table.model_fields)
        raise from_pydantic(where, cause, known=known) from None
    if read.name != named[2]:
        raise SettingsError(f"{where} → name: '{read.name}' is not the file's name, '{named[2]}'.")
    env = dict(read.env)
    train = env.pop("train", {})
    reference = _settings(env, f"{where} → env", species.settings, of=f"species {species.name}")
    number = int(named[1])
    return number, Stage(
        number=number,
        name=read.name,
        description=read.description,
        timesteps=read.timesteps,
        n_envs=read.n_envs,
        env=reference,
        env_train=_settings(train, f"{where} → env.train", reference, of="this file's [env]"),
        algorithms={
            name: _settings(table, f"{where} → {name}", None) for name, table in tables.items()
        },
        curriculum=read.curriculum.model_dump(exclude_none=True, exclude={"gate"}),
        gate=Gate(**read.curriculum.gate.model_dump()),
    )


def _settings(
    table: object, where: str, known: Mapping[str, Any] | None, *, of: str = ""
) -> Settings:
    """Check a table of settings: keys against `known`, values for being plain."""
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: must be a table (got {table!r}).")
    plain: dict[str, Value] = {}
    for key, value in table.items():
        if known is not None and key not in known:
            raise unknown(f"{where} → {key}", f"unknown setting of {of}", name=key, known=known)
        # Widths of layers are the one list that an algorithm takes; kept as text.
        told = json.dumps(value) if known is None and _is_widths(value) else value
        if not isinstance(told, bool | int | float | str) or (
            isinstance(told, float) and not math.isfinite(told)
        ):
            raise SettingsError(
                f"{where} → {key}: must be a finite number, true, false or text (got {value!r})."
            )
        plain[key] = told
    return plain


def _is_widths(value: object) -> bool:
    return isinstance(value, list) and all(type(width) is int for width in value)


def _toml(source: _Place, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_bytes().decode())
    except UnicodeDecodeError as cause:
        raise SettingsError(f"{where}: is not UTF-8 text.") from cause
    except tomllib.TOMLDecodeError as cause:
        raise SettingsError(f"{where}: {cause}.") from None
    except OSError as cause:
        raise SettingsError(f"{where}: {cause.strerror or 'cannot be read'}.") from cause


def _write(target: Path, data: bytes) -> None:
    handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
