"""Configurations trained anew from fresh seeds: which is best, and whether anybody can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Trial
from mesosweep.report.events import plain
from mesosweep.report.statistics import Comparison, Interval, compare, iqm_interval
from mesosweep.report.words import NONE, count, number, parameters, scored

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

VERSION = 1
_APART = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a configuration from a seed of its own."""

    trial: Trial
    held_out: Score | None
    """On episodes that nothing was chosen by; None where training gave nothing to play."""

    @property
    def score(self) -> float | None:
        """Its mean reward. One that diverged scores below all others; one that broke is none."""
        if self.trial.status == "diverged":
            return -math.inf
        if self.held_out is None:
            return None
        return self.held_out.mean_reward if self.held_out.is_finite else -math.inf


@dataclass(frozen=True)
class Configuration:
    """A trial of the search, and what its parameters come to when they are trained again."""

    trial: Trial
    called: str
    """What people call the trial."""
    is_winner: bool
    """Whether it is its stage's winner now."""
    runs: tuple[Run, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(score for run in self.runs if (score := run.score) is not None)

    @cached_property
    def iqm(self) -> Interval | None:
        """The interquartile mean of its runs with its 95 % interval; None without a score."""
        return iqm_interval([self.scores]) if self.scores else None


class Verification:
    """What was found, best configuration first; those without a score come last."""

    def __init__(
        self,
        configurations: Sequence[Configuration],
        *,
        species: str,
        algorithm: str,
        stage: int,
        stage_name: str,
        steps: int,
        episodes: int,
    ) -> None:
        self.species, self.algorithm = species, algorithm
        self.stage, self.stage_name = stage, stage_name
        self.steps, self.episodes = steps, episodes
        self.configurations = tuple(sorted(configurations, key=_place))
        self.comparisons: tuple[Comparison | None, ...] = tuple(
            compare([one.scores], [other.scores]) if one.scores and other.scores else None
            for one, other in pairwise(self.configurations)
        )
        """Of each configuration with the next."""

    @property
    def choice(self) -> Configuration | None:
        """The best configuration; None where none has a score."""
        best = self.configurations[0]
        return best if best.scores else None

    @property
    def is_clear(self) -> bool:
        """Whether the best can be told from the second."""
        return bool(self.comparisons and self.comparisons[0] and self.comparisons[0].is_clear)


def verification_view(
    found: Verification, *, next_command: str | None
) -> tuple[RenderableType, ...]:
    """Return what `mesosweep verify` prints; see `summary.show`."""
    from rich.text import Text

    heading = (
        f"{found.species} · {found.algorithm} · stage {found.stage} {found.stage_name} · "
        f"trained anew, {count(found.steps)} steps, {found.episodes} held-out episodes each"
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
        if told is None:
            continue
        odds = f"a run of the first beats one of the second with probability {_odds(told)}"
        if told.is_clear:
            verb = "is above" if told.probability.value > 0.5 else "is below"
            lines.append(f"trial {one.called} {verb} trial {other.called}: {odds}.")
        else:
            lines.append(f"trials {one.called} and {other.called} are not distinguishable: {odds}.")
    if (few := _too_few(found)) is not None:
        lines.append(few)
    for one in found.configurations:
        lines += _lost(one)
    choice = found.choice
    if choice is None:
        lines.append("No run has a score: nothing can be chosen.")
    else:
        winner = ", the stage's winner already" if choice.is_winner else ""
        lines.append(f"Choice: trial {choice.called}{winner}.")
    return tuple(lines)


def verification_document(found: Verification) -> dict[str, Any]:
    """Return the same as one JSON document, run by run. Not finite is null."""
    choice = found.choice
    document: dict[str, Any] = plain(
        {
            "version": VERSION,
            "species": found.species,
            "algorithm": found.algorithm,
            "stage": found.stage,
            "stage_name": found.stage_name,
            "timesteps": found.steps,
            "episodes": found.episodes,
            "choice": choice and _name(choice),
            "distinguishable": found.is_clear,
            "configurations": [
                {
                    **_name(one),
                    "is_winner": one.is_winner,
                    "parameters": one.trial.assignment,
                    "search_panel": one.trial.panel,
                    "iqm": one.iqm and _interval(one.iqm),
                    "runs": [_run(run) for run in one.runs],
                    "beats_next": _comparison(told),
                }
                for one, told in zip(found.configurations, (*found.comparisons, None), strict=True)
            ],
        }
    )
    return document


def _table(found: Verification) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("trial", "runs", "IQM (95 %)", "search panel", "beats the next (95 %)", ""):
        table.add_column(header, no_wrap=True)
    for one, told in zip(found.configurations, (*found.comparisons, None), strict=True):
        clear = "" if told is None else "clearly" if told.is_clear else "not distinguishable"
        table.add_row(
            Text(f"{one.called} (winner)" if one.is_winner else one.called),
            f"{len(one.scores)}/{len(one.runs)}",
            _span(one.iqm, len(one.scores)),
            scored(one.trial.panel),
            NONE if told is None else _odds(told),
            Text(clear, style="green" if clear == "clearly" else "yellow"),
        )
    return table


def _place(one: Configuration) -> tuple[bool, float, tuple[int, int, str]]:
    return one.iqm is None, -one.iqm.value if one.iqm else 0.0, one.trial.place


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
    diverged = sum(run.trial.status == "diverged" for run in one.runs)
    if diverged:
        lines.append(
            f"trial {one.called}: {diverged} of {len(one.runs)} runs diverged, which counts as "
            "scoring below all others."
        )
    broken = [run.trial for run in one.runs if run.score is None]
    if broken:
        lines.append(
            f"trial {one.called}: {len(broken)} of {len(one.runs)} runs have no score and do not "
            f"count; the first, {broken[0].trial_id}: {broken[0].reason or broken[0].status}"
        )
    return lines


def _assigned(one: Configuration, algorithm: str) -> str:
    words = parameters(one.trial.assignment, algorithm=algorithm)
    return words or "nothing was searched"


def _name(one: Configuration) -> dict[str, Any]:
    return {"trial_id": one.trial.trial_id, "attempt": one.trial.attempt}


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.trial.trial_id,
        "status": run.trial.status,
        "reason": run.trial.reason,
        "seed": run.trial.seed,
        "steps_trained": run.trial.steps_trained,
        "checkpoint": run.trial.checkpoint.uri if run.trial.checkpoint else None,
        "held_out": run.held_out,
    }


def _interval(told: Interval) -> dict[str, float]:
    return {"value": told.value, "low": told.low, "high": told.high}


def _comparison(told: Comparison | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "probability": _interval(told.probability),
        "p_value": told.p_value,
        "distinguishable": told.is_clear,
    }
