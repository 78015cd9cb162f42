"""`mesosweep plugins`: what is installed, by kind and name, and what is broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesosweep.plugins import PluginStatus

EXAMPLES = "mesosweep plugins\n\nmesosweep plugins --json"


def plugins(
    *,
    load: Annotated[
        bool,
        typer.Option(
            "--load/--no-load", help="Import each one, to say what it is or what is broken."
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """List species, algorithms, backends, samplers and trackers.

    Each is imported by itself, so a broken one is a row and troubles no other. With --no-load
    names come from the metadata of installed packages alone.
    """
    from mesosweep.plugins import KINDS, Registry

    registry = Registry()
    rows = [row for kind in KINDS for row in registry.status(kind, load=load)]
    if as_json:
        print(json.dumps({"version": 1, "plugins": [_document(row) for row in rows]}, indent=2))
    else:
        _print(rows)
    return 0


def _document(row: PluginStatus) -> dict[str, str | None]:
    return {
        "kind": row.kind,
        "name": row.name,
        "distribution": row.distribution,
        "version": row.version,
        "summary": row.summary,
        "problem": row.problem,
    }


def _print(rows: list[PluginStatus]) -> None:
    from mesosweep.cli.screen import columns, output

    console = output()
    table = columns("kind", "name", "from", "")
    for row in rows:
        said = (
            f"[red]broken: {_escaped(row.problem)}[/red]" if row.problem else _escaped(row.summary)
        )
        table.add_row(row.kind, row.name, f"{row.distribution} {row.version}", said)
    console.print(table)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
