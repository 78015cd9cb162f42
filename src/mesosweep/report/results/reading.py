"""From a trial's folder to its row, whatever state the folder is in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from mesosweep.domain.trial import TrialStatus
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Damaged, read_metrics
from mesosweep.records.progress import latest_progress
from mesosweep.report.results.folders import StageFolder
from mesosweep.report.results.gates import Gates, panel_of, verdict
from mesosweep.report.results.loose import is_damaged, json_object, mapping, text
from mesosweep.report.results.rows import Cell, Row, finite

UNKNOWN = "unknown"
"""What is called a species or an algorithm that nothing names."""
_OWN = frozenset(Row.__dataclass_fields__) | {"gate", "stage_passed"}
"""Keys of a record that a row tells by itself."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a user calls trials that do not say it themselves."""

    species: str | None = None
    algorithm: str | None = None


def read_rows(stage: StageFolder, *, named: Named, gates: Gates) -> Iterator[Row]:
    """Yield one row per trial of a stage's folder, damaged ones included."""
    for path in stage.trials():
        yield read_row(path, stage, named=named, gates=gates)


def read_row(path: Path, stage: StageFolder, *, named: Named, gates: Gates) -> Row:
    """Return the row of a trial's folder. What cannot be read is its reason, not an error."""
    folder = TrialFolder(path)
    config, order = json_object(folder.stage_config), json_object(path / "order.json")
    record = read_metrics(folder.metrics)
    told = record if isinstance(record, dict) else {}
    run = mapping(config.get("run"))
    species, algorithm = _names(config, told, stage, named)
    searched = mapping(told.get("assignment")) or mapping(order.get("assignment"))
    row = Row(
        folder=path,
        species=species,
        algorithm=algorithm,
        stage=stage.stage,
        attempt=stage.attempt,
        trial_id=_trial_id(path, stage, told, run),
        status="unfinished",
        run_seed=stage.run_seed,
        origin=text(order.get("origin")),
        stage_name=text(config.get("name")),
        parameters=_parameters(told, config, searched, algorithm),
        searched=tuple(searched),
        gate=gates.of(config, stage),
    )
    if isinstance(record, Damaged):
        reason = record.reason.removeprefix(f"{folder.metrics}: ").rstrip(".")
        return replace(row, status="unreadable", reason=f"metrics.json {reason}")
    damaged = not config and is_damaged(folder.stage_config)
    if record is None:
        far = _how_far(folder, run)
        told_of = f"stage_config.json cannot be read; {far}" if damaged else far
        return replace(row, reason=told_of)
    row = _ended(row, record)
    if not damaged:
        return row
    told_of = "stage_config.json cannot be read: what was trained is told by metrics.json alone"
    return replace(row, reason="; ".join(filter(None, (row.reason, told_of))))


def _ended(row: Row, record: Mapping[str, Any]) -> Row:
    if "status" not in record and "best_mean_reward" not in record:
        return replace(
            row,
            status="unreadable",
            reason="metrics.json tells neither status nor best_mean_reward",
        )
    status = record.get("status", "finished")  # other tools write records without one
    if status not in get_args(TrialStatus):
        known = ", ".join(get_args(TrialStatus))
        told = f"metrics.json has status {status!r}, which is none of {known}"
        return replace(row, status="unreadable", reason=told)
    best = finite(record.get("best_mean_reward"))
    reason = text(record.get("reason"))
    if best is None and status == "finished" and reason is None:
        reason = "no finite best_mean_reward was recorded"
    passed, reasons = verdict(record, row.gate)
    return replace(
        row,
        status=status,
        reason=reason,
        best_mean_reward=best,
        best_mean_episode_length=finite(record.get("best_mean_episode_length")),
        last_mean_reward=finite(record.get("last_mean_reward")),
        last_mean_episode_length=finite(record.get("last_mean_episode_length")),
        panel=panel_of(record),
        metrics={
            name: cell
            for name, value in record.items()
            if name not in _OWN
            and name not in row.parameters
            and (cell := _cell(value)) is not None
        },
        passed=passed,
        gate_reasons=reasons,
    )


def _names(
    config: Mapping[str, Any], record: Mapping[str, Any], stage: StageFolder, named: Named
) -> tuple[str, str]:
    """Return species and algorithm: as the trial says, else as the user does, else as folders do."""
    species = (
        text(config.get("species")) or text(record.get("species")) or named.species
    ) or stage.species
    algorithm = (
        text(config.get("algorithm")) or text(record.get("algorithm")) or named.algorithm
    ) or stage.algorithm
    return species or UNKNOWN, algorithm or UNKNOWN


def _trial_id(
    path: Path, stage: StageFolder, record: Mapping[str, Any], run: Mapping[str, Any]
) -> str:
    """Return what a trial is called: its folder's name, which no other trial of the stage has."""
    if path != stage.path:
        return path.name
    return text(record.get("trial_id")) or text(run.get("trial_id")) or "single"


def _parameters(
    record: Mapping[str, Any],
    config: Mapping[str, Any],
    searched: Mapping[str, Any],
    algorithm: str,
) -> dict[str, Cell]:
    """Return everything as resolved, by the names of search spaces."""
    resolved = {
        str(name).replace(".", "_", 1): value
        for name, value in mapping(record.get("parameters")).items()
    } or {
        **_prefixed(algorithm, config.get("hyperparameters")),
        **_prefixed("env", config.get("reward_weights")),
        **_prefixed("curriculum", config.get("curriculum")),
    }
    # What was chosen is told as it was chosen: `small`, not the widths that it stands for.
    return {
        name: cell
        for name, value in {**resolved, **searched}.items()
        if (cell := _cell(value, nested=True)) is not None
    }


def _prefixed(prefix: str, settings: object) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in mapping(settings).items()}


def _cell(value: object, *, nested: bool = False) -> Cell:
    """Return a value as a field of a table; None for what has no place in one."""
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, bool | int | str):
        return value
    if nested and isinstance(value, list | dict):
        return json.dumps(value)
    return None


def _how_far(folder: TrialFolder, run: Mapping[str, Any]) -> str:
    """Say how far a trial without a record came."""
    progress = latest_progress(folder.progress)
    asked = run.get("timesteps")
    if progress is not None:
        of = f" of {asked:,}" if isinstance(asked, int) else ""
        return f"no metrics.json; its last sign of life was at step {progress.step:,}{of}"
    begun = folder.stage_config.exists()
    return "no metrics.json; " + ("it had not begun to train" if begun else "it had not begun")
