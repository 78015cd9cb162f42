"""The panels of `--help`, and how an option of one is described."""

from __future__ import annotations

from typing import Annotated, Any

import typer

WHAT = "What is searched"
SPACE = "Search space and settings"
BUDGET = "Budget"
JUDGING = "Evaluation and choice"
PLACE = "Where and how it runs"
CLOUD = "Vertex AI"
OUTPUT = "Output"


def option(kind: Any, *names: str, panel: str, help: str, **more: Any) -> Any:  # noqa: A002  # Typer's word
    """Return the annotation of an option that nobody needs to give."""
    return Annotated[kind | None, typer.Option(*names, rich_help_panel=panel, help=help, **more)]
