"""What a checkpoint did in its episodes: a table for people, a document and rows for programs."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from mesosweep.domain.interval import half_width_95
from mesosweep.domain.score import Episode, Gate, Score, Verdict, lower_bound
from mesosweep.domain.seeds import is_evidence
from mesosweep.report.events import plain
from mesosweep.report.words import NONE, count, gain, number

if TYPE_CHECKING:
    from rich.console import RenderableType

VERSION = 1
_YARDSTICKS = {"zero": "doing nothing", "random": "random action"}


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure over all episodes; None where it was not measured in each."""

    name: str
    unit: str
    summary: str
    """What it is, in a clause."""
    mean: float
    half_width: float | None
    """Half of the 95 % interval of the mean; None for a rate, and for a single episode."""
    std: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A checkpoint and its episodes."""

    species: str
    algorithm: str
    stage: int
    stage_name: str
    checkpoint: str
    """Where its policy zip lies."""
    step: int
    """Training steps after which it was saved."""
    episodes: Sequence[Episode]
    block: str
    """`fresh`, or the kind of evidence that its own sweep used."""
    gate: Gate
    definitions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Metric → (what it is, unit)."""
    task: str = "task"
    steps_per_s: float | None = None
    """Control steps of a second, to tell lengths in seconds."""
    against: Mapping[str, Score] = field(default_factory=dict)
    """`zero`, `random` → their score on the same episodes."""

    @property
    def score(self) -> Score:
        return Score.of(self.episodes)

    @property
    def verdict(self) -> Verdict:
        return self.gate.admits(self.score)


def measures(found: Evaluated) -> tuple[Measure, ...]:
    """Return reward, length, rates and task metrics, each with its unit and definition."""
    score, episodes = found.score, found.episodes
    seconds = f"; {found.steps_per_s:g} steps are a second" if found.steps_per_s else ""
    rows = [
        _measure(
            "reward",
            "reward",
            "undiscounted return under the stage's reference weights",
            [e.reward for e in episodes],
        ),
        _measure(
            "length", "steps", f"control steps of an episode{seconds}", [e.length for e in episodes]
        ),
        Measure(
            "full_length",
            "share",
            "episodes that reached the horizon or ended in success",
            score.full_length_rate,
            None,
        ),
    ]
    if score.success_rate is not None:
        bound = lower_bound(score.success_rate, score.episodes)
        rows.append(
            Measure(
                "success",
                "share",
                f"episodes in which the task ({found.task}) was done; "
                f"at least {bound:.2f} with 95 % confidence (Clopper-Pearson)",
                score.success_rate,
                None,
            )
        )
    for name in score.metrics:
        summary, unit = found.definitions.get(name, ("as the environment tells it", ""))
        rows.append(_measure(name, unit, summary, [e.metrics[name] for e in episodes]))
    return tuple(rows)


def evaluation_view(found: Evaluated, *, next_command: str | None) -> tuple[RenderableType, ...]:
    """Return what `mesosweep evaluate` prints; see `summary.show`."""
    heading = (
        f"{found.species} · {found.algorithm} · stage {found.stage} {found.stage_name} · "
        f"trained {count(found.step)} steps"
    )
    parts: list[RenderableType] = [
        Text(heading, style="bold"),
        Text(f"{found.checkpoint}"),
        Text(f"{_episodes(found)}\n"),
        _table(measures(found)),
        Text(f"\nEnded by: {', '.join(f'{why} {n}' for why, n in _reasons(found).items())}"),
        _gate(found),
    ]
    parts += [
        Text(f"Over {_YARDSTICKS[name]}: {gain(found.score, other)} reward")
        for name, other in found.against.items()
    ]
    if next_command:
        parts += [Text("\nNext", style="bold"), Text(f"  {next_command}")]
    return tuple(parts)


def evaluation_document(found: Evaluated) -> dict[str, Any]:
    """Return the same as one JSON document, episode by episode. Not finite is null."""
    score, verdict = found.score, found.verdict
    document: dict[str, Any] = plain(
        {
            "version": VERSION,
            "species": found.species,
            "algorithm": found.algorithm,
            "stage": found.stage,
            "stage_name": found.stage_name,
            "checkpoint": found.checkpoint,
            "step": found.step,
            "block": found.block,
            "score": {**plain(score), "half_width_95": score.half_width},
            "gate": {
                "passed": verdict.passed,
                "reasons": verdict.reasons,
                **_thresholds(found.gate),
            },
            "measures": {
                row.name: {
                    "unit": row.unit,
                    "summary": row.summary,
                    "mean": row.mean,
                    "half_width_95": row.half_width,
                    "std": row.std,
                    "min": row.low,
                    "max": row.high,
                }
                for row in measures(found)
            },
            "ended_by": _reasons(found),
            "against": dict(found.against),
            "episodes": list(found.episodes),
        }
    )
    return document


def evaluation_csv(found: Evaluated) -> str:
    """Return one row per episode; empty cells were not measured."""
    names = sorted({name for episode in found.episodes for name in episode.metrics})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["seed", "reward", "length", "reason", "success", *names])
    for e in found.episodes:
        success = "" if e.success is None else int(e.success)
        metrics = [e.metrics.get(name, "") for name in names]
        writer.writerow([e.seed, e.reward, e.length, e.reason, success, *metrics])
    return out.getvalue()


def _measure(name: str, unit: str, summary: str, values: Sequence[float]) -> Measure:
    if not all(math.isfinite(value) for value in values):
        return Measure(name, unit, summary, math.nan, math.nan)
    # A single value has no spread: saying 0 would claim that all are like it.
    std = stdev(values) if len(values) > 1 else None
    half_width = None if std is None else half_width_95(std, len(values))
    return Measure(name, unit, summary, fmean(values), half_width, std, min(values), max(values))


def _table(rows: Sequence[Measure]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("measure", no_wrap=True)
    for header in ("mean ± 95 %", "std", "min", "max"):
        table.add_column(header, no_wrap=True, justify="right")
    table.add_column("unit", no_wrap=True, style="dim")
    table.add_column("what it is", style="dim")
    for row in rows:
        write: Callable[[float | None], str] = number
        if row.half_width is None and row.low is None:  # a rate
            table.add_row(row.name, f"{row.mean:.0%}", "", "", "", "", row.summary)
            continue
        within = "" if row.half_width is None else f" ± {write(row.half_width)}"
        mean = f"{write(row.mean)}{within}"
        table.add_row(
            row.name, mean, write(row.std), write(row.low), write(row.high), row.unit, row.summary
        )
    return table


def _episodes(found: Evaluated) -> str:
    seeds = [episode.seed for episode in found.episodes]
    fresh, of = ("fresh ", "") if found.block == "fresh" else ("", f" of its sweep's {found.block}")
    if fresh and any(is_evidence(seed) for seed in seeds):
        fresh, of = "", " that a sweep may have judged by"
    if len(seeds) == 1:
        return f"1 {fresh}episode{of}, seed {seeds[0]}; one tells no interval"
    return f"{len(seeds)} {fresh}episodes{of}, seeds {seeds[0]} to {seeds[-1]}"


def _reasons(found: Evaluated) -> dict[str, int]:
    return dict(Counter(episode.reason for episode in found.episodes).most_common())


def _gate(found: Evaluated) -> Text:
    if not _thresholds(found.gate):
        return Text(f"Gate: {NONE}")
    verdict = found.verdict
    if verdict.passed:
        return Text("Gate: passed", style="green")
    return Text(f"Gate: not passed; {'; '.join(verdict.reasons)}", style="yellow")


def _thresholds(gate: Gate) -> dict[str, float]:
    return {name: value for name, value in plain(gate).items() if value is not None}
