"""`sweep_hyperparameter_analysis.png`: each searched parameter against the score, stage by stage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from mesosweep.report.results._drawing import (
    Group,
    bare,
    cross_in_legend,
    crosses,
    groups_of,
    png,
    title_of,
)
from mesosweep.report.results.rows import Row, best_of
from mesosweep.report.results.searched import Axis, axes

_ACROSS = 4
"""At most so many panels side by side."""
_PANEL_IN, _HEAD_IN = 2.5, 0.5


def hyperparameters(rows: Sequence[Row]) -> bytes:
    """Return the PNG. Stages have panels of their own: their rewards are not comparable."""
    blocks = [(group, found) for group in groups_of(rows) if (found := axes(group.rows))]
    if not blocks:
        figure = Figure(figsize=(8, 3))
        figure.text(0.5, 0.5, "No parameter differs between trials.", ha="center", va="center")
        return png(figure)
    across = min(_ACROSS, max(len(found) for _, found in blocks))
    lines = [math.ceil(len(found) / across) for _, found in blocks]
    heights = [_PANEL_IN * count + _HEAD_IN for count in lines]
    figure = Figure(figsize=(14, 0.9 + sum(heights)), layout="constrained")
    figure.suptitle(f"{title_of(rows)}\nparameters against the best mean reward", fontsize=13)
    parts = figure.subfigures(len(blocks), 1, height_ratios=heights, squeeze=False)
    for (group, found), part, count in zip(blocks, parts[:, 0], lines, strict=True):
        part.suptitle(group.flat_label, fontsize=12, color=group.colour, weight="bold")
        panels = list(part.subplots(count, across, sharey=True, squeeze=False).flat)
        for panel, axis in zip(panels, found, strict=False):
            _slice(panel, axis, group)
        for panel in panels[len(found) :]:
            panel.set_axis_off()
    figure.legend(handles=_legend(), fontsize=9, frameon=False, loc="outside lower center", ncols=4)
    return png(figure)


def _slice(panel: Axes, axis: Axis, group: Group) -> None:
    """Draw one parameter against the score."""
    best = best_of(group.rows)
    placed = [(at, row.best_mean_reward, row) for at, row in _placed(axis, group.rows)]
    if lost := [at for at, score, _ in placed if score is None]:
        crosses(panel, lost)
    for passed in (True, False):
        mine = [
            (at, score)
            for at, score, row in placed
            if score is not None and row is not best and bool(row.passed) is passed
        ]
        style: dict[str, Any] = {"mfc": group.colour if passed else "white", "alpha": 0.8}
        panel.plot(*_columns(mine), "o", ms=5, mew=1.0, color=group.colour, **style)
    star = [(at, score) for at, score, row in placed if score is not None and row is best]
    style = {"mec": "black", "mew": 0.8, "zorder": 3}
    panel.plot(*_columns(star), "*", ms=14, color=group.colour, **style)
    panel.set_title(axis.name, fontsize=10)
    bare(panel)
    panel.tick_params(labelsize=8)
    panel.grid(axis="y", color="#E5E5E5", lw=0.6)
    panel.set_axisbelow(True)
    _scale(panel, axis)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _scale(panel: Axes, axis: Axis) -> None:
    panel.margins(x=0.08)
    if axis.kind == "words":
        turned = 25 if sum(map(len, axis.words)) > 24 else 0
        panel.set_xticks(range(len(axis.words)), axis.words, rotation=turned)
        panel.set_xlim(-0.6, len(axis.words) - 0.4)
        return
    if axis.kind == "log":
        panel.set_xscale("log")
        low, high = panel.get_xlim()
        narrow = math.log10(high / low) < 2.5
        panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if narrow else (1.0,)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_minor_formatter(NullFormatter())
    else:
        panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _told(at)))


def _told(tick: float) -> str:
    return f"{tick:.6g}".replace("e-0", "e-")


def _placed(axis: Axis, rows: Sequence[Row]) -> Iterator[tuple[float, Row]]:
    """Yield where each trial lies; those of one word stand beside each other, not upon."""
    beside: dict[float, int] = {}
    for row in rows:
        place = axis.at(row.parameters.get(axis.name))
        if place is None:
            continue
        if axis.kind == "words":
            number = beside[place] = beside.get(place, -1) + 1
            # 0, 1, -1, 2, -2, … steps to the side, again and again.
            place += 0.055 * ((number % 9 + 1) // 2) * (-1) ** (number % 2)
        yield place, row


def _legend() -> list[Line2D]:
    grey = "#555555"
    return [
        Line2D([], [], marker="o", ls="", color=grey, label="gate passed"),
        Line2D([], [], marker="o", ls="", color=grey, mfc="white", label="not passed"),
        Line2D(
            [], [], marker="*", ls="", color=grey, mec="black", ms=12, label="best of the stage"
        ),
        cross_in_legend(),
    ]
