"""Rows as CSV: one line per trial, everything that its record tells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mesosweep.records.files import write_text
from mesosweep.report.results.rows import Cell, Row

FIRST = (
    "trial_id",
    "stage",
    "species",
    "algorithm",
    "attempt",
    "run_seed",
    "status",
    "reason",
    "origin",
)
LAST = (
    "best_mean_reward",
    "best_mean_episode_length",
    "last_mean_reward",
    "last_mean_episode_length",
    "reward_threshold",
    "ep_length_threshold",
    "forward_vel_threshold",
    "success_rate_threshold",
    "stage_passed",
    "gate_reasons",
)
"""Between the two come hyperparameters and all other metrics, in the order of their names."""


def columns(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the columns of a table of these rows."""
    between = {name for row in rows for names in (row.parameters, row.metrics) for name in names}
    return (*FIRST, *sorted(between.difference(FIRST, LAST)), *LAST)


def cells(row: Row) -> Mapping[str, Cell]:
    """Return what a row holds by column; what was not measured is None or absent."""
    gate = row.gate
    return {
        **row.metrics,
        **row.parameters,
        "trial_id": row.trial_id,
        "stage": row.stage,
        "species": row.species,
        "algorithm": row.algorithm,
        "attempt": row.attempt,
        "run_seed": row.run_seed,
        "status": row.status,
        "reason": _joined(row.reason),
        "origin": row.origin,
        "best_mean_reward": row.best_mean_reward,
        "best_mean_episode_length": row.best_mean_episode_length,
        "last_mean_reward": row.last_mean_reward,
        "last_mean_episode_length": row.last_mean_episode_length,
        "reward_threshold": gate.min_avg_reward if gate else None,
        "ep_length_threshold": gate.min_avg_episode_length if gate else None,
        "forward_vel_threshold": gate.min_avg_forward_vel if gate else None,
        "success_rate_threshold": gate.min_success_rate if gate else None,
        "stage_passed": row.passed,
        "gate_reasons": "; ".join(row.gate_reasons) or None,
    }


def csv_text(rows: Sequence[Row]) -> str:
    """Return the table as CSV (RFC 4180, UTF-8); an empty field was not measured."""
    names = columns(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(
        {name: cell for name, cell in cells(row).items() if cell is not None} for row in rows
    )
    return out.getvalue()


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write the table in one step; raises StoreError."""
    write_text(path, csv_text(rows))


def _joined(text: str | None) -> str | None:
    """Return all lines of a reason as one."""
    return " ".join(text.split()) if text else None
