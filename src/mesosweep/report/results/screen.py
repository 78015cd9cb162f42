"""Collected trials on the screen: the best of each stage, and every trial without a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesosweep.report.lines import one_line
from mesosweep.report.results.rows import Place, Row, best_of, studies
from mesosweep.report.words import NONE, many, number, parameters, scored, thresholds

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 15
"""So many rows of one stage are shown; a longer study shows its best ones."""
_WIDE = 100
"""From so many columns on, there is room for the parameters that were searched."""
_NARROW = 72
"""Below so many columns only the most telling ones stay."""


def collected_view(rows: Sequence[Row], *, width: int) -> Iterator[RenderableType]:
    """Yield what `mesosweep collect-results` prints, stage by stage; see `summary.show`."""
    for place, found in studies(list(rows)).items():
        yield _heading(place, found)
        yield _table(found, width=width)
        if len(_most_telling(found)) < len(found):
            yield Text(f"the best {_SHOWN} of {len(found)}; all are in the CSV file", style="dim")
        yield from _without_result(found)
        yield Text("")


def _heading(place: Place, rows: list[Row]) -> Text:
    name = next((f" {row.stage_name}" for row in rows if row.stage_name), "")
    run = "" if place.run_seed is None else f" · seed {place.run_seed}"
    words = f"{place.species} · {place.algorithm}{run} · stage {place.stage}{name}"
    text = Text(words, style="bold")
    if place.attempt:
        text.append(f" · attempt {place.attempt}")
    passed = sum(row.passed is True for row in rows)
    told = f" · {many(len(rows), 'trial')}, {passed} passed the gate"
    gate = next((row.gate for row in rows if row.gate is not None), None)
    clauses = ", ".join(thresholds(gate)) if gate else ""
    text.append(told + (f" ({clauses})" if clauses else ""), style="not bold")
    return text


def _table(rows: list[Row], *, width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    best = best_of(rows)
    columns = _columns(width)
    for header in columns:
        right = header not in ("trial", "gate")
        table.add_column(header, justify="right" if right else "left", no_wrap=True)
    if width >= _WIDE:
        table.add_column("searched", ratio=1)
    for row in _most_telling(rows):
        cells = _cells(row, is_best=row is best)
        more = [_searched(row)] if width >= _WIDE else []
        table.add_row(*(cells[column] for column in columns), *more)
    return table


def _columns(width: int) -> tuple[str, ...]:
    """Return what there is room for beside the parameters."""
    if width < _NARROW:
        return "trial", "gate", "best reward", "panel (95 %)"
    return "trial", "gate", "best reward", "length", "last reward", "panel (95 %)"


def _cells(row: Row, *, is_best: bool) -> dict[str, Text | str]:
    name = Text(row.trial_id)
    if is_best:
        name.append(" best", style="green")
    return {
        "trial": name,
        "gate": _gate(row),
        "best reward": number(row.best_mean_reward),
        "length": number(row.best_mean_episode_length),
        "last reward": number(row.last_mean_reward),
        "panel (95 %)": scored(row.panel),
    }


def _most_telling(rows: list[Row]) -> list[Row]:
    """Return the rows to show, in the order of their ids: all of a few, the best of many."""
    if len(rows) <= _SHOWN:
        return rows
    scored = [row for row in rows if row.score is not None]
    best = sorted(scored, key=lambda row: (row.passed is True, row.score), reverse=True)[:_SHOWN]
    return sorted(best, key=lambda row: row.order)


def _gate(row: Row) -> Text:
    if not row.has_result:
        return Text(row.ending, style="red" if row.status != "running" else "")
    if row.status == "stopped":
        return Text("stopped", style="yellow")
    if row.passed is None:
        return Text(NONE, style="dim")
    return Text("passed", style="green") if row.passed else Text("not passed", style="yellow")


def _searched(row: Row) -> Text:
    values = {name: row.parameters[name] for name in row.searched if name in row.parameters}
    told = {name: value for name, value in values.items() if value is not None}
    return Text(parameters(told, algorithm=row.algorithm), no_wrap=True, overflow="ellipsis")


def _without_result(rows: list[Row]) -> Iterator[RenderableType]:
    lost = [row for row in rows if not row.has_result]
    if not lost:
        return
    yield Text("Without a result", style="bold")
    for row in lost[:_SHOWN]:
        why = one_line(row.reason) or "no reason known"
        yield Padding(
            Text(f"- {row.trial_id} {row.ending}: {why}"),
            (0, 0, 0, 2),
            expand=False,
        )
    if hidden := lost[_SHOWN:]:
        counts = Counter(row.ending for row in hidden)
        told = ", ".join(f"{count} {ending}" for ending, count in counts.items())
        yield Padding(Text(f"+{len(hidden)} more: {told}"), (0, 0, 0, 2), expand=False)
