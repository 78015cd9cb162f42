"""The top of the page: what came out, at a glance; and what was searched and found."""

from __future__ import annotations

import math

from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter
from mesosweep.report.page.markup import Markup, joined, table, tag
from mesosweep.report.page.sweep import Stage, Sweep
from mesosweep.report.results.rows import Cell, Row
from mesosweep.report.results.searched import axes
from mesosweep.report.words import NONE, gain, many, number, scored, span, thresholds, value

STALE = "stale: a stage before it has another winner by now"


def headline(sweep: Sweep) -> Markup:
    """Return the title, one sentence, and a card per stage."""
    rows = sweep.rows
    won = [stage for stage in sweep.stages if stage.is_won]
    passed = sum(stage.winner is not None and stage.winner.passed is True for stage in won)
    told = f"{many(len(rows), 'trial')} on {many(len(sweep.stages), 'stage')}."
    if won:
        through = "all" if passed == len(won) else "none" if not passed else f"{passed}"
        told += f" {many(len(won), 'winner')}, {through} of them through the gate."
    elif sweep.fault is None:
        told += " No stage has a winner yet."
    state = sweep.state
    when = []
    if state is not None and state.started_at is not None:
        when.append(f"begun {state.started_at:%-d %B %Y, %H:%M} UTC")
    if state is not None and state.started_at and state.finished_at:
        when.append(f"took {span(state.finished_at - state.started_at)}")
    elif state is not None:
        when.append("not finished")
    return joined(
        (
            tag("h1", sweep.title),
            tag("p", told, class_="lead"),
            tag("p", " · ".join(when), class_="quiet") if when else None,
            tag("p", f"Who won is not known here: {sweep.fault}", class_="warn")
            if sweep.fault
            else None,
            tag("div", *(_card(stage) for stage in sweep.stages), class_="cards"),
        )
    )


def verdict_badge(row: Row | None) -> Markup:
    """Return the gate's word on a trial."""
    if row is None:
        return tag("span", "no trial", class_="badge lost")
    if not row.has_result:
        return tag("span", row.ending, class_="badge lost")
    if row.status == "stopped":
        return tag("span", "stopped early", class_="badge stopped")
    if row.passed is None:
        return tag("span", "gate unknown", class_="badge")
    word, kind = ("gate passed", "ok") if row.passed else ("gate not passed", "no")
    return tag("span", word, class_=f"badge {kind}")


def _card(stage: Stage) -> Markup:
    verified, winner = stage.verified, stage.winner
    if verified is not None:
        figure, what = scored(verified.winner), "verified, 95 %"
        gained = f"{gain(verified.winner, verified.zero)} over doing nothing"
    elif winner is not None and winner.score is not None:
        figure = scored(winner.panel) if winner.panel else number(winner.score)
        what, gained = "panel, not verified" if winner.panel else "in training", None
    else:
        figure, what, gained = NONE, "nothing measured", None
    who = "no winner" if winner is None else f"trial {winner.trial_id}"
    if winner is not None and not stage.is_won:
        who += " is the best so far"
    ended = sum(row.has_result for row in stage.rows)
    return tag(
        "div",
        tag("div", tag("h3", stage.title), verdict_badge(winner), class_="row"),
        tag("div", STALE, class_="warn") if stage.is_stale else None,
        tag("div", figure, class_="figure"),
        tag("div", what, class_="quiet"),
        tag("div", gained) if gained else None,
        tag("div", f"{who} · {ended} of {_trials(stage)} with a result", class_="quiet"),
        class_=f"card s{stage.number}",
    )


def searched(stage: Stage) -> Markup:
    """Return what a stage searched, and where in each range the winner lies."""
    gate = next((row.gate for row in stage.rows if row.gate is not None), None)
    asked = ", ".join(thresholds(gate)) if gate else ""
    counts = {
        "finished": sum(row.status == "finished" and row.has_result for row in stage.rows),
        "stopped early": sum(row.status == "stopped" for row in stage.rows),
        "without a result": sum(not row.has_result for row in stage.rows),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    steps = stage.settings.get("timesteps")
    each = f" Each trained {many(steps, 'step')}." if isinstance(steps, int) else ""
    default = next((row for row in stage.rows if row.origin == "default"), None)
    spaces = _spaces(stage)
    parts = [
        tag("p", f"{_trials(stage)}: {told}.{each} The gate asks: {asked or 'nothing'}."),
        table(
            ("parameter", "searched", "by default", "found", "where"),
            (
                (
                    tag("code", name),
                    words,
                    _told(default, name),
                    tag("strong", _told(stage.winner, name)),
                    _where(parameter, stage.winner.parameters.get(name) if stage.winner else None),
                )
                for name, words, parameter in spaces
            ),
        )
        if spaces
        else tag("p", "Nothing was searched.", class_="quiet"),
    ]
    return joined(parts)


def _spaces(stage: Stage) -> list[tuple[str, str, Parameter | None]]:
    """Return name and range of what was searched; read off the trials where nobody tells it."""
    chosen = {name for row in stage.rows for name in row.searched}
    if stage.space:
        return [
            (name, _range(parameter), parameter)
            for name, parameter in stage.space.items()
            if name in chosen or not chosen
        ]
    return [(axis.name, "as far as the trials tell", None) for axis in axes(stage.rows)]


def _range(parameter: Parameter) -> str:
    match parameter:
        case Double(low, high, scale):
            return f"{value(low)} to {value(high)}{', log' if scale == 'log' else ''}"
        case Integer(low, high, scale):
            return f"{low} to {high}, whole{', log' if scale == 'log' else ''}"
        case Discrete(values) | Categorical(values):
            return ", ".join(value(choice) for choice in values)


def _where(parameter: Parameter | None, found: Cell) -> Markup:
    """Return a small bar with the winner's place in a range; an edge is worth a look."""
    if not isinstance(parameter, Double | Integer) or isinstance(found, str | None):
        return Markup("")
    share = _unit(parameter, float(found))
    edge = " edge" if share < 0.03 or share > 0.97 else ""
    dot = tag("i", style=f"left:{100 * share:.0f}%")
    note = tag("span", " at the edge", class_="quiet") if edge else None
    return joined(
        (tag("span", dot, class_=f"place{edge}", title=f"{share:.0%} of the range"), note)
    )


def _unit(parameter: Double | Integer, found: float) -> float:
    low, high, at = float(parameter.low), float(parameter.high), found
    if parameter.scale == "log":
        low, high, at = math.log(low), math.log(high), math.log(max(found, 1e-300))
    return min(max((at - low) / (high - low), 0.0), 1.0)


def _told(row: Row | None, name: str) -> str:
    found = row.parameters.get(name) if row else None
    return NONE if found is None else value(found)


def _trials(stage: Stage) -> str:
    return many(len(stage.rows), "trial")
