"""The page's charts: learning curves, slices, parallel coordinates, importances, evidence."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

from mesosweep.domain.score import Score
from mesosweep.report.page.importance import Importance
from mesosweep.report.page.markup import Markup
from mesosweep.report.page.svg import Frame, Scale, padded
from mesosweep.report.page.sweep import Stage
from mesosweep.report.results.rows import Row
from mesosweep.report.results.searched import Axis, axes
from mesosweep.report.words import many, number

Number = Callable[[Row], int]
"""Which number the page knows a trial by, so that pointing at it shows it in every chart."""
_BANDS = 5
"""Shades of parallel coordinates, by rank of the score."""


def learning_curves(stage: Stage, number_of: Number) -> Markup | None:
    """Return the mean evaluation reward over steps of every trial; the winner's stands out."""
    curves = [
        (row, curve)
        for row in stage.rows
        if (curve := stage.curves.get((row.attempt, row.trial_id)))
    ]
    if not curves:
        return None
    frame = Frame(350, 250, top=24, right=18)
    rewards = [point.reward for _, curve in curves for point in curve]
    least = stage.winner.gate.min_avg_reward if stage.winner and stage.winner.gate else None
    x = frame.x(0, max(point.step for _, curve in curves for point in curve))
    y = frame.y(*padded([*rewards, *([least] if least is not None else [])]))
    frame.axes(x, y, x_name="training steps", y_name="mean evaluation reward")
    if least is not None:
        frame.line(x.start, y(least), x.end, y(least), class_="gate")
    for row, curve in sorted(curves, key=lambda pair: pair[0] is stage.winner):
        points = [(x(point.step), y(point.reward)) for point in curve]
        kind = "curve won" if row is stage.winner else f"curve {_kind(row)}"
        if len(points) == 1:
            frame.dot(*points[0], 2, class_=f"dot {_kind(row)}", data_t=number_of(row))
        frame.curve(points, class_=kind, data_t=number_of(row))
    trials = many(len(curves), "trial")
    return frame.closed(f"Learning curves of stage {stage.title}: {trials}")


def slices(stage: Stage, number_of: Number) -> list[Markup]:
    """Return one chart per searched parameter: its value against the score of each trial."""
    scored = [row for row in stage.rows if row.score is not None]
    if len(scored) < 2:
        return []
    span = padded([row.score for row in scored if row.score is not None])
    return [_slice(axis, stage, span, number_of) for axis in axes(stage.rows)]


def _slice(axis: Axis, stage: Stage, span: tuple[float, float], number_of: Number) -> Markup:
    frame = Frame(236, 168, left=42, bottom=34)
    x, y = _x_of(axis, stage.rows, frame), frame.y(*span)
    frame.axes(x, y, x_name=axis.name)
    beside: dict[float, int] = {}
    for row in sorted(stage.rows, key=lambda row: row is stage.winner):
        place = axis.at(row.parameters.get(axis.name))
        if place is None:
            continue
        if axis.kind == "words":
            # Those of one word stand beside each other: 0, 1, -1, 2, -2, … steps.
            turn = beside[place] = beside.get(place, -1) + 1
            place += 0.06 * ((turn % 9 + 1) // 2) * (-1) ** (turn % 2)
        if row.score is None:
            frame.cross(x(place), y.start - 4, class_="lost", data_t=number_of(row))
        else:
            won = row is stage.winner
            kind = f"dot {'won' if won else _kind(row)}"
            frame.dot(x(place), y(row.score), 5 if won else 3, class_=kind, data_t=number_of(row))
    return frame.closed(f"{axis.name} against the score on stage {stage.title}")


def parallel_coordinates(stage: Stage, number_of: Number) -> Markup | None:
    """Return one line per trial through all searched parameters to its score."""
    found = axes(stage.rows)
    scored = sorted(
        ((row, row.score) for row in stage.rows if row.score is not None), key=lambda pair: pair[1]
    )
    if len(found) < 2 or len(scored) < 3:
        return None
    frame = Frame(max(520, 110 * (len(found) + 1)), 300, left=48, right=60, top=34, bottom=24)
    foot, gap = frame.height - frame.bottom, (frame.width - frame.left - frame.right) / len(found)
    columns = [_column(axis, stage.rows, frame) for axis in found]
    score = Scale(scored[0][1], scored[-1][1], foot, frame.top)
    values = [told for _, told in scored]
    for row, told in scored:
        points = [
            (frame.left + gap * place, column(at))
            for place, (axis, column) in enumerate(zip(found, columns, strict=True))
            if (at := axis.at(row.parameters.get(axis.name))) is not None
        ]
        points.append((frame.left + gap * len(found), score(told)))
        band = min(_BANDS - 1, bisect_left(values, told) * _BANDS // len(values))
        won = " won" if row is stage.winner else ""
        frame.curve(points, class_=f"thread b{band}{won}", data_t=number_of(row))
    for place, (name, column) in enumerate(
        [
            *((axis.name, column) for axis, column in zip(found, columns, strict=True)),
            ("score", score),
        ]
    ):
        at = frame.left + gap * place
        frame.line(at, frame.top, at, foot, class_="axis")
        up = frame.top - (20 if place % 2 else 8)
        frame.text(at, up, name, class_="name", text_anchor="middle")
        for tick, label in column.ticks():
            frame.text(at + 4, column(tick) + 3.5, label, class_="tick halo")
    return frame.closed(f"Parallel coordinates of stage {stage.title}", wide=True)


def importance_bars(found: Sequence[Importance]) -> Markup | None:
    """Return the share of each parameter, one bar per evaluator."""
    if not found:
        return None
    names = sorted(
        {name for importance in found for name in importance.shares},
        key=lambda name: -found[0].shares.get(name, 0.0),
    )
    step = 12 * len(found) + 10
    frame = Frame(420, 10 + step * len(names), left=170, right=44, top=6, bottom=4)
    most = max(share for importance in found for share in importance.shares.values())
    x = frame.x(0, max(most, 0.01))
    for place, name in enumerate(names):
        top = frame.top + step * place
        frame.text(frame.left - 8, top + step / 2 + 1, name, class_="tick", text_anchor="end")
        for which, importance in enumerate(found):
            share = importance.shares.get(name, 0.0)
            at = top + 3 + 12 * which
            frame.bar(x.start, at, max(x(share) - x.start, 0.5), 10, class_=f"bar m{which}")
            frame.text(x(share) + 4, at + 9, f"{share:.0%}", class_="tick")
    return frame.closed("Importance of each parameter")


def evidence(scores: Sequence[tuple[str, Score | None, str]], least: float | None) -> Markup | None:
    """Return scores on one axis with their 95 % intervals; each is (label, score, class)."""
    told = [(label, score, kind) for label, score, kind in scores if score and score.is_finite]
    if not told:
        return None
    frame = Frame(420, 44 + 26 * len(told), left=172, right=16, top=8, bottom=34)
    ends = [score.mean_reward + side * _half(score) for _, score, _ in told for side in (-1, 1)]
    x = frame.x(*padded([*ends, *([least] if least is not None else [])]))
    foot = frame.height - frame.bottom
    for tick, _ in x.ticks():
        frame.line(x(tick), frame.top, x(tick), foot, class_="grid")
    frame.line(x.start, foot, x.end, foot, class_="axis")
    frame.ticks_below(x, foot)
    frame.text(
        (x.start + x.end) / 2, frame.height - 4, "mean reward", class_="name", text_anchor="middle"
    )
    if least is not None:
        frame.line(x(least), frame.top, x(least), foot, class_="gate")
    for place, (label, score, kind) in enumerate(told):
        at = frame.top + 13 + 26 * place
        frame.text(frame.left - 10, at + 4, label, class_="tick", text_anchor="end")
        low, high = score.mean_reward - _half(score), score.mean_reward + _half(score)
        frame.line(x(low), at, x(high), at, class_=f"whisker {kind}")
        frame.dot(x(score.mean_reward), at, 4.5, class_=f"dot {kind}")
    return frame.closed(
        "; ".join(f"{label}: {number(score.mean_reward)}" for label, score, _ in told)
    )


def search_against_panel(stage: Stage, number_of: Number) -> Markup | None:
    """Return what training saw best against what fresh episodes gave, trial by trial."""
    pairs = [
        (row, row.best_mean_reward, row.panel_mean_reward)
        for row in stage.rows
        if row.best_mean_reward is not None and row.panel_mean_reward is not None
    ]
    if len(pairs) < 3:
        return None
    frame = Frame(320, 250, top=24)
    span = padded([end for _, search, panel in pairs for end in (search, panel)])
    x, y = frame.x(*span), frame.y(*span)
    frame.axes(x, y, x_name="search score (best in training)", y_name="panel score (fresh)")
    frame.line(x(span[0]), y(span[0]), x(span[1]), y(span[1]), class_="even")
    for row, search, panel in pairs:
        kind = "won" if row is stage.winner else _kind(row)
        frame.dot(
            x(search),
            y(panel),
            5 if kind == "won" else 3,
            class_=f"dot {kind}",
            data_t=number_of(row),
        )
    return frame.closed(f"Search score against panel score on stage {stage.title}")


def _x_of(axis: Axis, rows: Sequence[Row], frame: Frame) -> Scale:
    if axis.kind == "words":
        return frame.x(-0.6, len(axis.words) - 0.4, kind="words", words=axis.words)
    low, high = _ends(axis, rows)
    if axis.kind == "log":
        return frame.x(low / 1.15, high * 1.15, kind="log")
    return frame.x(*padded((low, high)))


def _column(axis: Axis, rows: Sequence[Row], frame: Frame) -> Scale:
    foot, top = frame.height - frame.bottom, frame.top
    if axis.kind == "words":
        return Scale(0, max(len(axis.words) - 1, 1), foot, top, kind="words", words=axis.words)
    return Scale(*_ends(axis, rows), foot, top, kind=axis.kind)


def _ends(axis: Axis, rows: Sequence[Row]) -> tuple[float, float]:
    places = [at for row in rows if (at := axis.at(row.parameters.get(axis.name))) is not None]
    return min(places), max(places)


def _half(score: Score) -> float:
    half = score.half_width
    return 0.0 if half is None or not math.isfinite(half) else half


def _kind(row: Row) -> str:
    """Return how a trial is drawn."""
    if not row.has_result:
        return "lost"
    if row.status == "stopped":
        return "stopped"
    return "ok" if row.passed else "no"
