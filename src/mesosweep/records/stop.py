"""`stop.json`: that a trial is to end early, and why. On disk before its worker hears of it."""

from __future__ import annotations

import json
from pathlib import Path

from mesosweep.records.files import write_json


def write_stop(path: Path, reason: str) -> None:
    """Write down once that a trial is to end early; raises StoreError."""
    if read_stop(path) is None:
        write_json(path, {"reason": reason})


def read_stop(path: Path) -> str | None:
    """Return why a trial is to end early; None while nobody says so."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return str(told["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        # A decision that cannot be read is made again from the same records.
        return None
