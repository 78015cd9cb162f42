"""Sweep files, inline search spaces and known points: what each of their entries may be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from mesosweep.domain.errors import SettingsError, did_you_mean
from mesosweep.domain.space import Assignment, Parameter, parameter_of
from mesosweep.settings.complaints import from_pydantic, unknown
from mesosweep.settings.job_entries import JobValue, job_entries
from mesosweep.settings.strict_json import json_object, read_json, read_text

JOB_SETTINGS: Mapping[str, int] = {
    **dict.fromkeys(("trials", "timesteps", "parallel", "n_envs"), 1),
    **dict.fromkeys(("eval_freq", "eval_episodes", "panel_episodes", "test_episodes"), 1),
    "save_freq": 1,
    "seed": 0,
}
"""What a block may set beside parameters, with the least value that makes sense."""

_STAGE = re.compile(r"stage([1-9]\d*)")


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Double(_Entry):
    type: Literal["double"]
    min: float
    max: float
    scale: Literal["linear", "log"] = "linear"


class _Integer(_Entry):
    type: Literal["integer"]
    min: Annotated[int, BeforeValidator(_whole)]
    max: Annotated[int, BeforeValidator(_whole)]
    scale: Literal["linear", "log"] = "linear"


class _Discrete(_Entry):
    type: Literal["discrete"]
    values: list[int | float]


class _Categorical(_Entry):
    type: Literal["categorical"]
    values: list[str]


_TYPES: Mapping[str, type[_Double | _Integer | _Discrete | _Categorical]] = {
    "double": _Double,
    "integer": _Integer,
    "discrete": _Discrete,
    "categorical": _Categorical,
}


@dataclass(frozen=True, slots=True)
class Block:
    """What a sweep file says of one stage, or of all of them."""

    label: str
    """Where it was written, e.g. `configs/sweep.json: stage2`."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """By name as written; whether anybody knows the name is not asked here."""
    settings: Mapping[str, int] = field(default_factory=dict)
    """Job settings: `trials`, `timesteps`, …"""

    def where(self, name: str) -> str:
        """Return how errors speak of one entry."""
        return f"{self.label} → {name}" if ": " in self.label else f"{self.label}: {name}"


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep file: one block for all stages, or one for each that it names."""

    source: str
    """The path as it was given, or `--search-space`."""
    shared: Block | None = None
    stages: Mapping[int, Block] = field(default_factory=dict)
    job: Mapping[str, JobValue] = field(default_factory=dict)
    """What it says of machines and places, for all stages."""

    def block(self, stage: int) -> Block | None:
        """Return what is said of a stage; None when nothing is."""
        return self.shared or self.stages.get(stage)


def read_sweep_file(path: Path) -> SweepFile:
    """Read a sweep file; raises SettingsError naming file, block and key."""
    return parse_sweep(read_text(path), source=str(path))


def parse_sweep(text: str, *, source: str) -> SweepFile:
    """Read a sweep file's text: flat, or with `stageN` blocks. `_comment…` keys are ignored.

    Raises:
        SettingsError: malformed JSON, a key twice, an entry that cannot be.
    """
    top = dict(json_object(read_json(text, source), source))
    where = f"{source}: job"
    job = job_entries(json_object(top.pop("job", {}), where), where)
    blocks = {key: value for key, value in top.items() if _STAGE.fullmatch(key)}
    if not blocks:
        return SweepFile(source, shared=_block(top, source), job=job)
    for key in top:
        if key not in blocks and not key.startswith("_comment"):
            raise SettingsError(
                f"{source}: {key}: stands beside stage blocks.",
                hint=f"{did_you_mean(key, blocks)}Move it into the blocks that it is meant for.",
            )
    stages = {}
    for key, value in blocks.items():
        label = f"{source}: {key}"
        stages[int(key.removeprefix("stage"))] = _block(json_object(value, label), label)
    return SweepFile(source, stages=stages, job=job)


def read_points(path: Path) -> Mapping[int | None, tuple[Assignment, ...]]:
    """Read known points to try: a list for all stages (key None), or lists by `stageN`."""
    source = str(path)
    top = read_json(read_text(path), source)
    if isinstance(top, list):
        return {None: _points(top, source)}
    points: dict[int | None, tuple[Assignment, ...]] = {}
    for key, value in json_object(top, source).items():
        if key.startswith("_comment"):
            continue
        named = _STAGE.fullmatch(key)
        if named is None:
            raise SettingsError(f"{source}: {key}: must be stage1, stage2, … or a plain list.")
        points[int(named[1])] = _points(value, f"{source}: {key}")
    return points


_POINTS: TypeAdapter[list[dict[str, bool | int | float | str]]] = TypeAdapter(
    list[dict[str, bool | int | Annotated[float, Field(allow_inf_nan=False)] | str]],
    config=ConfigDict(strict=True),
)


def _points(value: object, where: str) -> tuple[Assignment, ...]:
    try:
        return tuple(_POINTS.validate_python(value))
    except ValidationError as cause:
        raise from_pydantic(where, cause, known=()) from None


def _block(table: Mapping[str, Any], label: str) -> Block:
    block = Block(label)
    parameters: dict[str, Parameter] = {}
    settings: dict[str, int] = {}
    for key, value in table.items():
        if key.startswith("_comment"):
            continue
        if isinstance(value, dict):
            parameters[key] = _parameter(value, block.where(key))
        else:
            settings[key] = _setting(key, value, block.where(key))
    return Block(label, parameters, settings)


def _parameter(entry: dict[str, Any], where: str) -> Parameter:
    entry = json_object(entry, where)
    if "type" not in entry:
        raise SettingsError(f"{where}: has no type; give one of {', '.join(_TYPES)}.")
    kind = entry["type"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise unknown(where, f"unknown type {json.dumps(kind)}", name=str(kind), known=_TYPES)
    model = _TYPES[kind]
    try:
        return parameter_of(model.model_validate(entry).model_dump())
    except ValidationError as cause:
        raise from_pydantic(where, cause, known=model.model_fields) from None
    except (ValueError, OverflowError) as cause:
        raise SettingsError(f"{where}: {cause}.") from None


def _setting(key: str, value: object, where: str) -> int:
    if key not in JOB_SETTINGS:
        what = "is neither a job setting nor a parameter with a type"
        raise unknown(where, what, name=key, known=JOB_SETTINGS)
    whole = _whole(value)
    if not isinstance(whole, int) or isinstance(whole, bool) or whole < JOB_SETTINGS[key]:
        raise SettingsError(
            f"{where}: must be a whole number of at least {JOB_SETTINGS[key]} "
            f"(got {json.dumps(value)})."
        )
    return whole
