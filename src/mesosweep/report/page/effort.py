"""What the sweep took in time, steps and money, and what went wrong in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from mesosweep.report.lines import one_line
from mesosweep.report.page.markup import Markup, joined, table, tag
from mesosweep.report.page.sweep import Stage, Sweep
from mesosweep.report.results.rows import Row, finite
from mesosweep.report.words import NONE, count, many, span

_SHOWN = 8
"""So many trials of one cause are named."""
_LONGEST = 3_000
"""Characters of one example."""


def effort(sweep: Sweep) -> Markup:
    """Return trials, steps, time and money of every stage and of all together."""
    rows = [
        _effort(stage.title, stage.rows, _wall(stage), _money(sweep, stage.number))
        for stage in sweep.stages
    ]
    if sweep.others:
        rows.append(
            _effort("other attempts and launches", sweep.others, NONE, _money_of_others(sweep))
        )
    if len(rows) > 1:
        state = sweep.state
        whole = (
            span(state.finished_at - state.started_at)
            if state and state.started_at and state.finished_at
            else NONE
        )
        rows.append(_effort("all", (*sweep.rows, *sweep.others), whole, _money(sweep, None)))
    head = (
        "stage",
        "trials",
        "steps trained",
        "steps/s of a trial",
        "training time, summed",
        "from first to last",
        "money",
    )
    return joined((table(head, rows), tag("p", _paid(sweep), class_="quiet")))


def _paid(sweep: Sweep) -> str:
    """Say what the money is, or why there is none."""
    if sweep.ledger:
        return "Money is what its jobs took by the price list in force when they were sent."
    jobs = [stage.state.job for stage in sweep.stages if stage.state and stage.state.job]
    if any(job.backend != "local" for job in jobs):
        return "It ran on a service; the ledger of what that charged is not in this folder."
    return "Nothing was charged for: no job was sent to a service."


def _effort(name: str, rows: Sequence[Row], wall: str, money: str) -> tuple[object, ...]:
    steps = [told for row in rows if (told := finite(row.metrics.get("steps_trained"))) is not None]
    times = [t for row in rows if (t := finite(row.metrics.get("training_duration_seconds")))]
    paces = [
        trained / lasted
        for row in rows
        if (trained := finite(row.metrics.get("steps_trained")))
        and (lasted := finite(row.metrics.get("training_duration_seconds")))
    ]
    return (
        name,
        len(rows),
        count(sum(steps)) if steps else NONE,
        count(median(paces)) if paces else NONE,
        span(sum(times)) if times else NONE,
        wall,
        money,
    )


def _wall(stage: Stage) -> str:
    state = stage.state
    if state is None or state.started_at is None or state.ended_at is None:
        return NONE
    return span(state.ended_at - state.started_at)


def _money(sweep: Sweep, stage: int | None) -> str:
    return _usd([entry for entry in sweep.ledger if stage is None or entry.get("stage") == stage])


def _money_of_others(sweep: Sweep) -> str:
    given_up = {(row.stage, row.attempt) for row in sweep.others}
    return _usd([e for e in sweep.ledger if (e.get("stage"), e.get("attempt")) in given_up])


def _usd(entries: Sequence[Mapping[str, Any]]) -> str:
    told = [
        seconds / 3_600 * rate
        for entry in entries
        if (seconds := finite(entry.get("machine_s"))) is not None
        and (rate := finite(entry.get("usd_per_hour"))) is not None
    ]
    if not told:
        return NONE
    unknown = len(entries) - len(told)
    return f"${sum(told):,.2f}" + (
        f" and {many(unknown, 'job')} of unknown price" if unknown else ""
    )


def failures(sweep: Sweep) -> Markup:
    """Return trials without a result, by cause, and those that were stopped early."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in (*sweep.rows, *sweep.others):
        if not row.has_result or row.status == "stopped":
            cause = one_line(row.reason) or "no reason known"
            # Numbers differ from trial to trial: at which step, how much memory.
            key = (row.ending, re.sub(r"\d[\d.,e+-]*", "#", cause))
            groups.setdefault(key, []).append(row)
    if not groups:
        return tag("p", "Every trial ended with a result.")
    rows = [
        (
            tag("span", status, class_=f"badge {_kind(status)}"),
            len(found),
            _cause(found),
            _who(found),
        )
        for (status, _), found in sorted(groups.items(), key=lambda pair: -len(pair[1]))
    ]
    return table(("status", "trials", "cause", "which"), rows)


def _kind(status: str) -> str:
    return "stopped" if status == "stopped" else "lost"


def _cause(rows: list[Row]) -> Markup:
    reason = (rows[0].reason or "no reason known").strip()
    last = one_line(reason) or reason
    if "\n" not in reason:
        return tag("span", last)
    shown = reason if len(reason) <= _LONGEST else f"…{reason[-_LONGEST:]}"
    return tag("details", tag("summary", last), tag("pre", shown))


def _who(rows: list[Row]) -> str:
    names = [f"{row.folder.parent.name}/{row.trial_id}" for row in rows[:_SHOWN]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
