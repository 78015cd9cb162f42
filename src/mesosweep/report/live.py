"""The live table: a sweep while it runs, painted now and then, never larger than the screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from mesosweep.domain.events import Event, StudyReattached, StudySubmitted
from mesosweep.report.picture import Picture
from mesosweep.report.table import stage_table, trial_table
from mesosweep.report.words import span

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType
    from rich.live import Live

REPAINTS_PER_S = 2
"""Well under four: training, not painting, is what the cores are for."""
_FRAME = 7
"""Lines that are neither stages nor trials: title, two headers, note, room for the prompt."""


class LiveTable:
    """Paints the picture of a sweep while it runs; usable as a context."""

    def __init__(self, picture: Picture, *, console: Console, now: Callable[[], datetime]) -> None:
        self.picture = picture
        self._console = console
        self._now = now
        self._live: Live | None = None
        self._notice: str | None = None

    def __call__(self, event: Event) -> None:
        # Only the picture changes here; the painter looks at it in its own time.
        self.picture = self.picture.after(event)
        if isinstance(event, StudySubmitted | StudyReattached) and event.job.note:
            self.say(event.job.note)

    def say(self, text: str) -> None:
        """Show a sentence below the table from now on. Safe within a signal handler."""
        self._notice = text

    def __enter__(self) -> LiveTable:
        from rich.live import Live

        self._live = Live(
            console=self._console,
            get_renderable=self._paint,
            refresh_per_second=REPAINTS_PER_S,
            # The summary follows on standard output; two tables would only repeat it.
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def _paint(self) -> RenderableType:
        size = self._console.size
        picture = replace(self.picture, note=self._notice or self.picture.note)
        table = board(picture, now=self._now(), width=size.width, height=size.height)
        # The cursor rests on a line of its own: a terminal writes ^C there, and behind a full
        # row that would wrap, and leave a line of the table standing at each Ctrl-C.
        return Group(table, Text(""))


def board(picture: Picture, *, now: datetime, width: int, height: int) -> RenderableType:
    """Return the whole table, never more than `height` lines of `width` columns."""
    stages = picture.state.stages
    room = max(height - _FRAME - len(stages), 3)
    parts: list[RenderableType] = [_title(picture, now), stage_table(picture, width=width)]
    rows = trial_table(picture, room=room, width=width)
    if rows is not None:
        parts += [Text(""), rows]
    if picture.note:
        parts.append(Text(picture.note, style="yellow", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _title(picture: Picture, now: datetime) -> Text:
    state = picture.state
    words = [state.species, state.algorithm, f"plan {state.fingerprint[:6]}"]
    if state.attempt:
        words.append(f"attempt {state.attempt}")
    if picture.seen_at is not None:
        words.append(f"running for {span(now - picture.seen_at)}")
    return Text(" · ".join(words), style="bold", no_wrap=True, overflow="ellipsis")
