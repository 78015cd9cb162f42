"""What a worker died of, as far as anybody can tell."""

from __future__ import annotations

import signal
from pathlib import Path

_TAIL = 4_096


def cause_of(code: int, log: Path) -> str:
    """Return the cause of an end with this exit code; negative codes are signals."""
    if code < 0:
        return f"killed by {_signal_name(-code)}"
    return f"ended with exit code {code}: {last_line(log)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(log: Path) -> str:
    """Return the last line that a worker wrote; what it died of, if it could tell."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return "it wrote no log"
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
