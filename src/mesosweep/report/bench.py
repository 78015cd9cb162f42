"""What a machine can do, as a table, with what to make of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from mesosweep.report.words import count, size
from mesosweep.settings.advice import Advice, Measurement, share_of_alone

if TYPE_CHECKING:
    from rich.console import RenderableType


def bench_view(
    found: Measurement, advice: Advice, *, title: str, next_command: str
) -> tuple[RenderableType, ...]:
    """Return what `mesosweep bench` prints; see `summary.show`."""
    free = "" if found.memory_bytes is None else f", {size(found.memory_bytes)} free"
    return (
        Text(title, style="bold"),
        Text(f"{found.cores} core{'s' if found.cores > 1 else ''}{free}; one thread per process"),
        Text("\nOne process, steps/s", style="bold"),
        _paces(found, advice),
        Text(f"\nSide by side with {found.side_envs} environments each, steps/s", style="bold"),
        _sides(found, advice),
        Text("\nAdvice", style="bold"),
        Text(f"  --n-envs {advice.n_envs} --parallel {advice.parallel}", style="green"),
        *(Text(f"  - {reason}") for reason in advice.reasons),
        Text("\nNext", style="bold"),
        Text(f"  {next_command}"),
    )


def next_command(species: str, algorithm: str, advice: Advice, *, own_envs: int) -> str:
    """Return the command to look at a sweep as advised."""
    words = ["mesosweep", "plan", "--species", species, "--algorithm", algorithm]
    if advice.n_envs != own_envs:
        words += ["--n-envs", str(advice.n_envs)]
    words += ["--parallel", str(advice.parallel)]
    if advice.changes:
        told = (f"{algorithm}.{name}={value}" for name, value in advice.changes.items())
        words += ["--override", *told]
    return shlex.join(words)


def bench_document(
    found: Measurement, advice: Advice, *, of: dict[str, Any], next_command: str
) -> dict[str, Any]:
    """Return the same as one JSON document; `of` says what was measured."""
    return {
        "version": 1,
        **of,
        "machine": {
            "cores": found.cores,
            "free_memory_bytes": found.memory_bytes,
            "core_share": found.core_share,
        },
        "environments": [
            {
                "n_envs": pace.n_envs,
                "env_steps_per_s": pace.env_steps_per_s,
                "training_steps_per_s": pace.training_steps_per_s,
            }
            for pace in found.paces
        ],
        "processes": [
            {
                "processes": side.processes,
                "n_envs": found.side_envs,
                "steps_per_s_each": side.steps_per_s,
                "steps_per_s_total": side.total,
                "share_of_alone": share_of_alone(found.sides, side.processes),
                "memory_bytes_each": side.memory_bytes,
            }
            for side in found.sides
        ],
        "is_complete": found.is_complete,
        "advice": {
            "n_envs": advice.n_envs,
            "parallel": advice.parallel,
            "hyperparameters": dict(advice.changes),
            "reasons": list(advice.reasons),
            "next": next_command,
        },
    }


def _paces(found: Measurement, advice: Advice) -> Table:
    table = _table("n_envs", "training", "without learning", "learning's share", "")
    for pace in found.paces:
        share = max(0.0, 1 - pace.training_steps_per_s / pace.env_steps_per_s)
        marks = ["the stage's own"] if pace.n_envs == found.own_envs else []
        marks += ["advised"] if pace.n_envs == advice.n_envs else []
        table.add_row(
            str(pace.n_envs),
            count(round(pace.training_steps_per_s)),
            count(round(pace.env_steps_per_s)),
            f"{share:.0%} of the time",
            Text(", ".join(marks), style="green" if "advised" in marks else "dim"),
        )
    return table


def _sides(found: Measurement, advice: Advice) -> Table:
    table = _table("processes", "each", "in all", "of alone", "memory each", "")
    for side in found.sides:
        is_advised = side.processes == advice.parallel
        table.add_row(
            str(side.processes),
            count(round(side.steps_per_s)),
            count(round(side.total)),
            f"{share_of_alone(found.sides, side.processes):.0%}",
            size(side.memory_bytes),
            Text("advised" if is_advised else "", style="green"),
        )
    return table


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2), header_style="dim")
    for header in headers:
        table.add_column(header, justify="right" if header else "left", no_wrap=True)
    return table
