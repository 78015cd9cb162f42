"""Where things are printed: results on standard output, all else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from mesosweep.domain.events import Event
    from mesosweep.report.picture import Picture


class Follower(Protocol):
    """Shows a sweep while it runs."""

    picture: Picture

    def __call__(self, event: Event) -> None: ...
    def say(self, text: str) -> None: ...


def output() -> Console:
    """Return the console of results; one long line is never broken when nobody looks."""
    return _console(sys.stdout)


def follower(picture: Picture, *, now: Callable[[], datetime]) -> AbstractContextManager[Follower]:
    """Return a live table for a person at a terminal, plain lines for everyone else."""
    if is_repaintable(sys.stderr):
        from mesosweep.report.live import LiveTable

        return LiveTable(picture, console=_console(sys.stderr), now=now)
    from mesosweep.cli.faults import say
    from mesosweep.report.lines import Lines

    return Lines(picture, write=say)


def is_repaintable(stream: IO[str]) -> bool:
    """Whether a table may be painted over and over on the stream."""
    if os.environ.get("CI") or os.environ.get("TERM", "") in ("", "dumb"):
        return False
    return stream.isatty()


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show one line on standard error that changes when the yielded function is called."""
    from rich.text import Text

    with _console(sys.stderr).status(Text(text)) as status:
        yield lambda told: status.update(Text(told))


def columns(*headers: str) -> Table:
    """Return an empty table in the manner of the house: columns, no lines."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def _console(stream: IO[str]) -> Console:
    from rich.console import Console

    # A log or a pipe has no width; 200 columns keep every row on one line. Rich obeys
    # NO_COLOR by itself, but would take FORCE_COLOR and TTY_COMPATIBLE for a terminal.
    width = None if stream.isatty() or "COLUMNS" in os.environ else 200
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)
