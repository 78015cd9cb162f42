"""Where the live table leaves the cursor, and with it what a terminal echoes of a Ctrl-C."""

from __future__ import annotations

import io
import re

from rich.console import Console

from mesosweep.report.live import LiveTable
from mesosweep.report.picture import picture_of
from mesosweep.testing.story import Story


def test_the_cursor_rests_on_a_line_of_its_own(story: Story) -> None:
    # Behind a full row an echoed ^C would wrap, and a line of the table stay at each Ctrl-C.
    written = io.StringIO()
    console = Console(
        file=written,
        width=80,
        height=24,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
    )
    picture = picture_of(story.plan, seen_at=story.now)

    with LiveTable(picture, console=console, now=lambda: story.now):
        pass  # it paints once more when it ends

    # What stands before the first control code that moves the cursor up again.
    painted = written.getvalue().partition("\x1b[1A")[0]
    lines = [re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\r", "", line) for line in painted.split("\n")]
    assert any("balance" in line for line in lines)
    *table, cursor_line, below = lines
    assert below.strip() == ""  # where it goes when the table is taken away
    assert cursor_line.strip() == ""
    assert table[-1].strip() != ""
