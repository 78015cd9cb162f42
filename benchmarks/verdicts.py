"""Sweeps in which hopeless trials were ended early, told beside the same without: `stopping.py`'s tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.tables import interval
from rich.table import Table

EQUAL = 0.02
"""Of the way from a table's median to its best: less than this is no loss that matters."""


@dataclass(frozen=True)
class Run:
    """One sweep under one rule, beside the same sweep without."""

    kind: str
    table: str
    seed: int
    trials: int
    rule: str
    steps: int
    saved: float
    stopped: int
    best_lost: bool
    worth: float
    gained: float
    """In worth, over the full sweep."""
    spent: float | None
    """The same for a sweep under the rule that trains as many steps as the full one; None: not asked."""


def printed(runs: Sequence[Run], repeats: int) -> Table:
    told = Table(
        title=f"Hopeless trials ended early; {repeats} repeats (seeds 0 to {repeats - 1}), two trials at a time",
        caption="Worth: 0 at a table's median, 1 at its best; differences with 95 % intervals (bootstrap over "
        "repeats within tables). "
        f"As good: the interval lies above -{EQUAL}; no: below it. At equal steps: what was saved is spent on more trials.",
    )
    for column in ("record", "tables", "trials", "rule"):
        told.add_column(column, no_wrap=True)
    for column in ("steps saved", "best lost"):
        told.add_column(column, justify="right")
    for column in ("worth, to the full sweep", "as good", "worth at equal steps"):
        told.add_column(column, justify="right", no_wrap=True)
    groups: dict[tuple[str, int, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.kind, run.trials, run.rule].append(run)
    for (kind, total, rule), group in groups.items():
        gained, low, high = interval((run.table, run.gained) for run in group)
        spent = [(run.table, run.spent) for run in group if run.spent is not None]
        told.add_row(
            kind,
            str(len({run.table for run in group})),
            str(total),
            rule,
            f"{fmean(run.saved for run in group):.0%}",
            f"{fmean(run.best_lost for run in group):.0%}",
            f"{gained:+.3f} ({low:+.3f} to {high:+.3f})",
            as_good(low, high),
            "{:+.3f} ({:+.3f} to {:+.3f})".format(*interval(spent)) if spent else "",
        )
    return told


def as_good(low: float, high: float) -> str:
    """Return what an interval of the winner's worth, less that of the full sweep, tells."""
    if low > -EQUAL:
        return "yes"
    return "no" if high < -EQUAL else "cannot tell"


def by_table(runs: Iterable[Run]) -> Table:
    told = Table(title="Table by table; means over the repeats")
    for column in ("table", "trials", "rule"):
        told.add_column(column, no_wrap=True)
    for column in ("steps saved", "best lost", "worth, to the full sweep"):
        told.add_column(column, justify="right", no_wrap=True)
    groups: dict[tuple[str, int, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.table, run.trials, run.rule].append(run)
    for (table, total, rule), group in groups.items():
        told.add_row(
            table,
            str(total),
            rule,
            f"{fmean(run.saved for run in group):.0%}",
            f"{sum(run.best_lost for run in group)} of {len(group)}",
            f"{fmean(run.gained for run in group):+.3f}",
        )
    return told
