"""What both pictures have in common: studies side by side, colours, and the PNG at the end."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mesosweep.report.results.rows import Row, studies
from mesosweep.report.words import many

LOST_COLOUR = "#B00020"
FEW = 36
"""Up to so many trials each one is named, and marked in detail."""
_COLOURS = ("#0072B2", "#D98200", "#009E73", "#CC79A7", "#56B4E9", "#8A5A00")
"""By stage; told apart by everyone (after Okabe & Ito, 2008)."""
_DPI = 120


@dataclass(frozen=True)
class Group:
    """The trials of one study, and where they stand on an axis of trials."""

    label: str
    colour: str
    rows: list[Row]
    start: float

    @property
    def places(self) -> list[float]:
        return [self.start + number for number in range(len(self.rows))]

    @property
    def ends(self) -> tuple[float, float]:
        return self.start - 0.5, self.start + len(self.rows) - 0.5

    @property
    def middle(self) -> float:
        return sum(self.ends) / 2

    @property
    def flat_label(self) -> str:
        return self.label.replace("\n", " ")


def groups_of(rows: Sequence[Row]) -> list[Group]:
    """Return the studies of these rows, labelled by what tells them apart."""
    found = studies(list(rows))
    species_differ = len({place.species for place in found}) > 1
    algorithms_differ = len({place.algorithm for place in found}) > 1
    groups: list[Group] = []
    start = 0.0
    for place, of_study in found.items():
        name = next((f"{row.stage_name}" for row in of_study if row.stage_name), "")
        lines = [f"stage {place.stage}", name]
        lines += [place.species] if species_differ else []
        lines += [place.algorithm] if algorithms_differ else []
        lines += [f"seed {place.run_seed}"] if place.run_seed is not None else []
        lines += [f"attempt {place.attempt}"] if place.attempt else []
        label = "\n".join(filter(None, lines))
        colour = _COLOURS[(place.stage - 1) % len(_COLOURS)]
        groups.append(Group(label, colour, of_study, start))
        start += len(of_study) + max(1.0, len(rows) / 60)
    return groups


def title_of(rows: Sequence[Row]) -> str:
    """Return what the trials are of."""
    species = ", ".join(dict.fromkeys(row.species for row in rows))
    algorithms = ", ".join(dict.fromkeys(row.algorithm for row in rows))
    return f"{species} · {algorithms} · {many(len(rows), 'trial')}"


def crosses(axes: Axes, places: Sequence[float]) -> None:
    """Mark trials without a result at the foot of a panel, never as zeros."""
    axes.plot(
        places,
        [0.02] * len(places),
        "x",
        color=LOST_COLOUR,
        ms=5,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )


def cross_in_legend() -> Line2D:
    return Line2D([], [], marker="x", color=LOST_COLOUR, ls="", label="no result")


def bare(axes: Axes) -> None:
    """Take the frame's upper and right lines away."""
    axes.spines[["top", "right"]].set_visible(False)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI)
    return out.getvalue()
