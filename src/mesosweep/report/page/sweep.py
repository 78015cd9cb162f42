"""All that the page tells of one sweep, gathered from its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mesosweep.domain.events import Verified
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Trial
from mesosweep.records.layout import TrialFolder
from mesosweep.report.page.curves import Point, read_curve
from mesosweep.report.results.collecting import collect
from mesosweep.report.results.commands import remembered
from mesosweep.report.results.loose import json_object, mapping
from mesosweep.report.results.reading import Named
from mesosweep.report.results.rows import Row, best_of
from mesosweep.report.results.saved import saved_state, sweep_folder


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a sweep."""

    number: int
    name: str
    rows: tuple[Row, ...]
    space: SearchSpace | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What its trials have in common: `timesteps`, `eval_episodes`, `seed`, …"""
    state: StageState | None = None
    """None where no saved state tells of the stage."""
    curves: Mapping[tuple[int, str], tuple[Point, ...]] = field(default_factory=dict)
    """By attempt and trial."""
    winner: Row | None = None
    """Who won; the best so far while nobody has."""
    is_stale: bool = False
    """Whether an earlier stage has another winner by now than the one that it started from."""

    @property
    def verified(self) -> Verified | None:
        return self.state.verified if self.state else None

    @property
    def is_won(self) -> bool:
        """Whether the winner was chosen, rather than being the best of what lies there."""
        return self.state is not None and self.state.winner is not None

    @property
    def title(self) -> str:
        return f"{self.number} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep: a species, an algorithm, and the stages that it learned."""

    root: Path
    species: str
    algorithm: str
    stages: tuple[Stage, ...]
    state: SweepState | None = None
    fault: str | None = None
    """Why a saved state could not be read."""
    others: tuple[Row, ...] = ()
    """Trials of attempts that were given up, and of single stages that were launched."""
    commands: tuple[Mapping[str, Any], ...] = ()
    """How it was run, oldest first."""
    ledger: tuple[Mapping[str, Any], ...] = ()
    """What was paid for, one entry per job."""

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for stage in self.stages for row in stage.rows)

    @property
    def title(self) -> str:
        """Species and algorithm, and the seed of a production run."""
        seed = next((row.run_seed for row in self.rows if row.run_seed is not None), None)
        name = f"{self.species} · {self.algorithm}"
        return name if seed is None else f"{name} · seed {seed}"


def sweeps_below(
    root: Path, *, named: Named | None = None, shown: str = "", curves: bool = True
) -> tuple[Sweep, ...]:
    """Return every sweep at or below a folder; raises UsageError when there is none."""
    by_folder: dict[tuple[Path, str, str], list[Row]] = {}
    for row in collect(root, named=named, shown=shown):
        by_folder.setdefault((sweep_folder(row), row.species, row.algorithm), []).append(row)
    return tuple(
        _sweep(folder, species, algorithm, rows, curves=curves)
        for (folder, species, algorithm), rows in by_folder.items()
    )


def _sweep(folder: Path, species: str, algorithm: str, rows: list[Row], *, curves: bool) -> Sweep:
    state, fault = saved_state(folder, species, algorithm)
    used: set[tuple[int, int]] = set()
    stages = []
    for number in sorted({row.stage for row in rows}):
        mine = [row for row in rows if row.stage == number]
        stage = _stage(number, mine, state, curves=curves)
        used.update((row.stage, row.attempt) for row in stage.rows)
        stages.append(stage)
    return Sweep(
        root=folder,
        species=species,
        algorithm=algorithm,
        stages=tuple(stages),
        state=state,
        fault=fault,
        others=tuple(row for row in rows if (row.stage, row.attempt) not in used),
        commands=remembered(folder),
        ledger=tuple(json_object(path) for path in sorted((folder / "_ledger").glob("*.json"))),
    )


def _stage(number: int, rows: list[Row], state: SweepState | None, *, curves: bool) -> Stage:
    known = next((s for s in state.stages if s.stage == number), None) if state else None
    attempts = {known.attempt, *(trial.attempt for trial in known.trials)} if known else set()
    if not any(row.attempt in attempts for row in rows):
        attempts, known = {max(row.attempt for row in rows)}, None
    mine = [row for row in rows if row.attempt in attempts]
    if known is not None:
        mine = _with_origins(mine, known.trials)
    told = mapping(mapping(state.comparables.get("stages")).get(str(number))) if state else {}
    winner = None
    if known is not None and known.winner is not None:
        won = known.winner.trial
        winner = next(
            (r for r in mine if (r.attempt, r.trial_id) == (won.attempt, won.trial_id)), None
        )
    return Stage(
        number=number,
        name=next((row.stage_name for row in mine if row.stage_name), known.name if known else ""),
        rows=tuple(mine),
        space=_space(told.get("space")),
        settings=mapping(told.get("settings")),
        state=known,
        curves={
            (row.attempt, row.trial_id): curve
            for row in mine
            if (curve := read_curve(TrialFolder(row.folder).progress))
        }
        if curves
        else {},
        winner=winner or best_of(mine),
        is_stale=state is not None and number in state.stale,
    )


def _with_origins(rows: list[Row], trials: Iterable[Trial]) -> list[Row]:
    """Complete rows by what only the state knows: who chose their parameters."""
    origins = {(trial.attempt, trial.trial_id): trial.origin for trial in trials}
    return [
        row if row.origin else replace(row, origin=origins.get((row.attempt, row.trial_id)))
        for row in rows
    ]


def _space(entries: object) -> SearchSpace | None:
    if not isinstance(entries, Mapping):
        return None
    try:
        return SearchSpace.of(entries)
    except (ValueError, TypeError, AttributeError):
        return None
