"""Every trial below a folder, whichever layout, algorithm and attempt it belongs to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from mesosweep.domain.errors import UsageError
from mesosweep.report.results.folders import stage_folders
from mesosweep.report.results.gates import Gates
from mesosweep.report.results.reading import Named, read_rows
from mesosweep.report.results.rows import Row
from mesosweep.report.results.saved import with_winners

_LAYOUT = "It looks for stage<N>/<trial>/metrics.json and for stage<N>/metrics.json."


def collect(
    root: Path, *, named: Named | None = None, stages: Collection[int] = (), shown: str = ""
) -> tuple[Row, ...]:
    """Return one row per trial below `root`, in order; all stages unless some are named.

    `root` may be an output folder, a species' or an algorithm's folder, or a stage's.
    `shown` is how errors call it.

    Raises:
        UsageError: there is no such folder, or no trial in it; the message says what there is.
    """
    shown = shown or str(root)
    if not root.is_dir():
        raise UsageError(f"{shown}: there is no such folder.", hint=_LAYOUT)
    found = stage_folders(root)
    if not found:
        raise UsageError(f"{shown}: there is no stage<N> folder in it.", hint=_LAYOUT)
    wanted = [folder for folder in found if not stages or folder.stage in stages]
    if not wanted:
        there = ", ".join(str(number) for number in sorted({folder.stage for folder in found}))
        asked = ", ".join(map(str, sorted(stages)))
        raise UsageError(f"{shown}: there is no stage {asked}.", hint=f"There are: {there}.")
    gates = Gates()
    rows = [
        row for folder in wanted for row in read_rows(folder, named=named or Named(), gates=gates)
    ]
    if not rows:
        raise UsageError(f"{shown}: its stages hold no trials.", hint=_LAYOUT)
    return tuple(sorted(with_winners(rows), key=lambda row: row.order))


def stages_without_trials(rows: Collection[Row], asked: Collection[int]) -> tuple[int, ...]:
    """Return which of the stages asked for gave no row: they are not there, or empty."""
    return tuple(sorted(set(asked) - {row.stage for row in rows}))
