"""What is saved of the sweep that some trials belong to: above all, who won."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mesosweep.domain.errors import StoreError
from mesosweep.domain.state import SweepState
from mesosweep.report.results.rows import Row
from mesosweep.stores.file import FileStore


def saved_state(folder: Path, species: str, algorithm: str) -> tuple[SweepState | None, str | None]:
    """Return the state of the whole sweep, else of its only stage, and what is wrong with it.

    Without a state that can be read trials are told all the same, but nobody knows who won.
    """
    whole = f"sweep_state_{species}_{algorithm}"
    names = [whole, *sorted(path.stem for path in folder.glob(f"{whole}_stage*.json"))]
    fault: str | None = None
    for name in (*names, "_sweep_state"):
        try:
            loaded = FileStore(folder).load(name)
        except StoreError as error:
            fault = fault or str(error)
            continue
        if loaded is not None:
            return loaded[0], fault
    return None, fault


def sweep_folder(row: Row) -> Path:
    """Return where a row's sweep lies: a trial lies in its stage's folder, or is one itself."""
    is_single = row.folder.name.startswith("stage")
    return row.folder.parent if is_single else row.folder.parent.parent


def with_winners(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Mark those rows that saved sweeps call winners, a person's choice among them."""
    winners: dict[tuple[Path, str, str], frozenset[tuple[int, int, str]]] = {}
    marked = []
    for row in rows:
        key = (sweep_folder(row), row.species, row.algorithm)
        if key not in winners:
            state, _ = saved_state(*key)
            winners[key] = frozenset(
                (stage.stage, *stage.winner.trial.identity)
                for stage in (state.stages if state else ())
                if stage.winner is not None
            )
        has_won = (row.stage, row.attempt, row.trial_id) in winners[key]
        marked.append(replace(row, has_won=True) if has_won else row)
    return tuple(marked)
