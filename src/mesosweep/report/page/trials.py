"""Every trial in one table that can be sorted, and what is said of it when it is pointed at."""

from __future__ import annotations

from mesosweep.report.page.charts import Number
from mesosweep.report.page.markup import Markup, tag
from mesosweep.report.page.overview import verdict_badge
from mesosweep.report.page.sweep import Sweep
from mesosweep.report.results.rows import Row
from mesosweep.report.words import NONE, count, number, parameters, scored, span

_HEAD = (
    "stage",
    "trial",
    "chosen by",
    "gate",
    "search",
    "panel, 95 %",
    "last",
    "length",
    "steps",
    "time",
    "parameters",
)


def trial_table(sweep: Sweep, number_of: Number) -> Markup:
    """Return the table; each row carries the number that charts know the trial by."""
    winners = {id(stage.winner) for stage in sweep.stages}
    body = [
        tag(
            "tr",
            *(tag("td", shown, data_v=sort) for shown, sort in _cells(row)),
            data_t=number_of(row),
            class_="won" if id(row) in winners else None,
        )
        for row in sweep.rows
    ]
    head = tag("tr", *(tag("th", name, scope="col") for name in _HEAD))
    whole = tag("table", tag("thead", head), tag("tbody", *body), class_="sortable")
    return tag("div", whole, class_="scroll tall")


def _cells(row: Row) -> list[tuple[object, object]]:
    """Return what is shown, and what it is sorted by where that differs."""
    steps, lasted = row.metrics.get("steps_trained"), row.metrics.get("training_duration_seconds")
    panel = row.panel_mean_reward
    return [
        (f"{row.stage}" + (f" a{row.attempt}" if row.attempt else ""), row.stage),
        (row.trial_id, row.number),
        (row.origin or NONE, None),
        (verdict_badge(row), None),
        (number(row.best_mean_reward), _sort(row.best_mean_reward)),
        (scored(row.panel), _sort(panel)),
        (number(row.last_mean_reward), _sort(row.last_mean_reward)),
        (number(row.best_mean_episode_length), _sort(row.best_mean_episode_length)),
        (count(steps) if isinstance(steps, int | float) else NONE, _sort(steps)),
        (span(lasted) if isinstance(lasted, int | float) else NONE, _sort(lasted)),
        (_searched(row), None),
    ]


def tip(row: Row) -> str:
    """Return what is said of a trial when somebody points at it."""
    told = [f"stage {row.stage}, trial {row.trial_id}" + (f" ({row.origin})" if row.origin else "")]
    if row.panel is not None:
        told.append(f"panel {scored(row.panel)}")
    if row.best_mean_reward is not None:
        told.append(f"search {number(row.best_mean_reward)}")
    if not row.has_result or row.status == "stopped":
        told.append(row.ending)
    return "\n".join((" · ".join(told), _searched(row)))


def _searched(row: Row) -> str:
    values = {name: told for name in row.searched if (told := row.parameters.get(name)) is not None}
    return parameters(values, algorithm=row.algorithm)


def _sort(value: object) -> object:
    return -1e300 if value is None else value
