"""`sweep_trial_metrics.png`: reward, episode length, stability and verdicts, two by two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mesosweep.report.results._drawing import (
    FEW,
    LOST_COLOUR,
    Group,
    bare,
    cross_in_legend,
    crosses,
    groups_of,
    png,
    title_of,
)
from mesosweep.report.results.rows import Row

_KINDS = (
    ("gate passed", "#2E7D32", "white"),
    ("not passed", "#F0B429", "black"),
    ("stopped early", "#7F8FA9", "white"),
    ("gate unknown", "#CFCFCF", "black"),
    ("no result", LOST_COLOUR, "white"),
)


def trial_metrics(rows: Sequence[Row]) -> bytes:
    """Return the PNG."""
    groups = groups_of(rows)
    figure = Figure(figsize=(14, 10.5), layout="constrained")
    figure.suptitle(title_of(rows), fontsize=14)
    grid = figure.subplots(2, 2)
    _bars(grid[0, 0], groups, "reward")
    _bars(grid[0, 1], groups, "length")
    _stability(grid[1, 0], groups)
    _verdicts(grid[1, 1], groups)
    return png(figure)


def _bars(axes: Axes, groups: list[Group], what: Literal["reward", "length"]) -> None:
    """Draw one bar per trial: full where it passed, pale where not, a cross where it has none."""
    are_few = sum(len(group.rows) for group in groups) <= FEW
    told: dict[str, Artist] = {}
    for group in groups:
        bars = [
            (place, value, row)
            for place, row in zip(group.places, group.rows, strict=True)
            if (value := _value(row, what)) is not None
        ]
        for has_passed, alpha in ((True, 1.0), (False, 0.4)):
            mine = [bar for bar in bars if bool(bar[2].passed) is has_passed]
            at, heights = [bar[0] for bar in mine], [bar[1] for bar in mine]
            axes.bar(at, heights, width=0.85, color=group.colour, alpha=alpha)
        if lost := set(group.places) - {place for place, _, _ in bars}:
            crosses(axes, sorted(lost))
            told["none"] = cross_in_legend()
        for place, _, row in bars if are_few else ():
            if row.panel is not None and row.panel.is_finite:
                seen = row.panel.mean_reward if what == "reward" else row.panel.mean_length
                axes.plot([place - 0.42, place + 0.42], [seen, seen], color="black", lw=1.2)
                told["panel"] = Line2D([], [], color="black", lw=1.2, label="on fresh episodes")
        for least in _thresholds(group, what):
            axes.plot(group.ends, [least, least], color=LOST_COLOUR, ls="--", lw=1.4)
            told["gate"] = Line2D([], [], color=LOST_COLOUR, ls="--", label="gate")
    axes.axhline(0, color="#888888", lw=0.6)
    names = {"reward": "best mean reward of each trial", "length": "its mean episode length, steps"}
    axes.set_title(names[what], fontsize=11)
    _name_trials(axes, groups, each=are_few)
    passed = Patch(color="#555555", label="gate passed")
    pale = Patch(color="#555555", alpha=0.4, label="not passed")
    _legend_below(axes, [passed, pale, *told.values()], groups, each=are_few)


def _value(row: Row, what: Literal["reward", "length"]) -> float | None:
    return row.best_mean_reward if what == "reward" else row.best_mean_episode_length


def _thresholds(group: Group, what: Literal["reward", "length"]) -> set[float]:
    gates = [row.gate for row in group.rows if row.gate is not None]
    found = {g.min_avg_reward if what == "reward" else g.min_avg_episode_length for g in gates}
    return {least for least in found if least is not None}


def _name_trials(axes: Axes, groups: list[Group], *, each: bool) -> None:
    """Write stages below the axis, and trials where there is room for their names."""
    small = 8 if len(groups) > 4 else 9
    axes.set_xticks([group.middle for group in groups], [group.label for group in groups])
    for label, group in zip(axes.get_xticklabels(), groups, strict=True):
        label.set(color=group.colour, weight="bold", fontsize=small)
    axes.tick_params(axis="x", which="major", pad=14 if each else 4, length=0)
    if each:
        # Else the stage's own label would take the place of the trial in its middle.
        axes.xaxis.remove_overlapping_locs = False
        places = [place for group in groups for place in group.places]
        names = [row.trial_id for group in groups for row in group.rows]
        axes.set_xticks(places, names, minor=True, fontsize=7)
    axes.set_xlim(groups[0].ends[0] - 0.5, groups[-1].ends[1] + 0.5)
    bare(axes)


def _legend_below(axes: Axes, shown: list[Artist], groups: list[Group], *, each: bool) -> None:
    lines = max(group.label.count("\n") for group in groups) + 1
    below = -0.035 * lines - (0.06 if each else 0.03)
    axes.legend(
        handles=shown,
        fontsize=8,
        loc="upper center",
        ncols=6,
        frameon=False,
        bbox_to_anchor=(0.5, below),
    )


def _stability(axes: Axes, groups: list[Group]) -> None:
    """Draw the best evaluation against the last: what lies below the line was lost again."""
    ends: list[float] = []
    for group in groups:
        best, last = [], []
        for row in group.rows:
            if row.best_mean_reward is not None and row.last_mean_reward is not None:
                best.append(row.best_mean_reward)
                last.append(row.last_mean_reward)
        axes.plot(best, last, "o", color=group.colour, alpha=0.7, mec="white", mew=0.5)
        ends += [*best, *last]
    axes.set_title("stability: best against last evaluation", fontsize=11)
    axes.set_xlabel("best mean reward")
    axes.set_ylabel("last mean reward")
    bare(axes)
    if not ends:
        axes.text(0.5, 0.5, "no trial tells both", ha="center", transform=axes.transAxes)
        return
    margin = (max(ends) - min(ends) or abs(ends[0]) or 1.0) * 0.05
    span = (min(ends) - margin, max(ends) + margin)
    axes.plot(span, span, color="#888888", lw=0.8, ls=":")
    stages = {group.rows[0].stage: group.colour for group in groups}
    dots = [
        Line2D([], [], marker="o", ls="", color=colour, label=f"stage {stage}")
        for stage, colour in stages.items()
    ]
    line = Line2D([], [], color="#888888", lw=0.8, ls=":", label="nothing lost")
    axes.legend(handles=[*dots, line], fontsize=8, frameon=False, loc="upper left")


def _verdicts(axes: Axes, groups: list[Group]) -> None:
    """Draw how many trials of each stage passed, did not pass, and have no result."""
    places = list(range(len(groups)))
    counts = [_counts(group) for group in groups]
    below = [0] * len(groups)
    for kind, (label, colour, ink) in enumerate(_KINDS):
        heights = [count[kind] for count in counts]
        if not any(heights):
            continue
        bars = axes.bar(places, heights, bottom=below, color=colour, label=label, width=0.6)
        words = ["" if not height else str(height) for height in heights]
        axes.bar_label(bars, words, label_type="center", fontsize=10, color=ink)
        below = [old + height for old, height in zip(below, heights, strict=True)]
    axes.set_xticks(places, [group.label for group in groups], fontsize=8 if len(groups) > 4 else 9)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.7, len(groups) - 0.3)
    axes.set_ylim(0, max(below) * 1.15)
    axes.set_title("trials of each stage", fontsize=11)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    bare(axes)
    axes.legend(fontsize=8, frameon=False, loc="upper center", ncols=5)


def _counts(group: Group) -> tuple[int, ...]:
    """Return how many trials there are of each kind."""
    stopped = sum(row.status == "stopped" for row in group.rows)
    told = [row.passed for row in group.rows if row.has_result and row.status != "stopped"]
    return (
        sum(passed is True for passed in told),
        sum(passed is False for passed in told),
        stopped,
        sum(passed is None for passed in told),
        len(group.rows) - len(told) - stopped,
    )
