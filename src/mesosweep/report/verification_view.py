"""What configurations that were trained anew come to, as people read it: table and sentences."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from mesosweep.report.statistics import Comparison, Interval
from mesosweep.report.verification import Configuration, Verification
from mesosweep.report.words import NONE, count, many, number, parameters, scored

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_APART = 0.05


def verification_view(
    found: Verification, *, next_command: str | None
) -> tuple[RenderableType, ...]:
    """Return what `mesosweep verify` prints; see `summary.show`."""
    from rich.text import Text

    heading = (
        f"{found.species} · {found.algorithm} · stage {found.stage} {found.stage_name} · "
        f"trained anew, {count(found.steps)} steps, {many(found.episodes, 'held-out episode')} each"
    )
    parts: list[RenderableType] = [Text(heading, style="bold"), _table(found), Text("")]
    parts += [Text(line) for line in sentences(found)]
    parts.append(Text("\nConfigurations", style="bold"))
    parts += [
        Text(f"  {one.called}: {_assigned(one, found.algorithm)}") for one in found.configurations
    ]
    if next_command:
        parts += [Text("\nNext", style="bold"), Text(f"  {next_command}")]
    return tuple(parts)


def sentences(found: Verification) -> tuple[str, ...]:
    """Say in words who beats whom, whether that can be told, and what is missing."""
    lines = []
    for (one, other), told in zip(pairwise(found.configurations), found.comparisons, strict=True):
        if told is not None:
            lines.append(_compared(one, other, told))
    if (few := _too_few(found)) is not None:
        lines.append(few)
    for one in found.configurations:
        lines += _lost(one)
    choice = found.choice
    if choice is None:
        lines.append("No run has a score: nothing can be chosen.")
    else:
        lines += _chosen(found, choice)
    return tuple(lines)


def _compared(one: Configuration, other: Configuration, told: Comparison) -> str:
    odds = f"a run of the first beats one of the second with probability {_odds(told)}"
    if not told.is_clear:
        return f"trials {one.called} and {other.called} are not distinguishable: {odds}."
    verb = "is above" if told.probability.value > 0.5 else "is below"
    return f"trial {one.called} {verb} trial {other.called}: {odds}."


def _chosen(found: Verification, choice: Configuration) -> list[str]:
    """Name the choice, and weigh it against the winner, which need not be the next."""
    if choice.is_winner:
        return [f"Choice: trial {choice.called}, the stage's winner already."]
    winner, told = found.winner, found.against_winner
    named = f"Choice: trial {choice.called}"
    if winner is None or told is None:
        return [f"{named}."]
    lines = []
    if winner is not found.configurations[1]:
        lines.append(_compared(choice, winner, told))
    its = f"the stage's winner, trial {winner.called}"
    told_as = "which is above" if found.beats_winner else "but nothing shows it to be better than"
    return [*lines, f"{named}, {told_as} {its}."]


def _table(found: Verification) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("trial", "runs", "IQM (95 %)", "search panel", "beats the next (95 %)", ""):
        table.add_column(header, no_wrap=True)
    for one, told in zip(found.configurations, (*found.comparisons, None), strict=True):
        table.add_row(
            Text(f"{one.called} (winner)" if one.is_winner else one.called),
            f"{len(one.scores)}/{len(one.runs)}",
            _span(one.iqm, len(one.scores)),
            scored(one.trial.panel),
            NONE if told is None else _odds(told),
            _verdict(told),
        )
    return table


def _verdict(told: Comparison | None) -> Text:
    from rich.text import Text

    if told is None:
        return Text("")
    if not told.is_clear:
        return Text("not distinguishable", style="yellow")
    # The order is that of the interquartile means; runs may beat one another the other way.
    is_below = told.probability.value < 0.5
    return Text("clearly below", style="red") if is_below else Text("clearly", style="green")


def _span(told: Interval | None, runs: int) -> str:
    if told is None:
        return NONE
    # Of one run nobody knows how far another one lies.
    width = f" ({number(told.low)} to {number(told.high)})" if runs > 1 else ""
    return f"{number(told.value)}{width}"


def _odds(told: Comparison) -> str:
    p = told.probability
    return f"{p.value:.2f} ({p.low:.2f} to {p.high:.2f}), p {told.p_value:.2g}"


def _too_few(found: Verification) -> str | None:
    """Say so where so few runs could not tell anything apart, whatever they scored."""
    sizes = [len(one.scores) for one in found.configurations if one.scores]
    pairs = [n for n in pairwise(sizes) if 2 / math.comb(sum(n), n[0]) >= _APART]
    if not pairs:
        return None
    return "Runs are too few for any difference to be told at 95 %: at least four each (--seeds 4)."


def _lost(one: Configuration) -> list[str]:
    lines = []
    diverged, runs = sum(run.trial.status == "diverged" for run in one.runs), len(one.runs)
    if diverged:
        lines.append(
            f"trial {one.called}: {diverged} of {many(runs, 'run')} diverged, which counts as "
            "scoring below all others."
        )
    broken = [run.trial for run in one.runs if run.score is None]
    if broken:
        verbs = "has no score and does" if len(broken) == 1 else "have no score and do"
        lines.append(
            f"trial {one.called}: {len(broken)} of {many(runs, 'run')} {verbs} not count; the "
            f"first, {broken[0].trial_id}: {broken[0].reason or broken[0].status}"
        )
    return lines


def _assigned(one: Configuration, algorithm: str) -> str:
    words = parameters(one.trial.assignment, algorithm=algorithm)
    return words or "nothing was searched"
