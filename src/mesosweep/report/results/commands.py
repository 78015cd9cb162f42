"""`commands.jsonl`: how a sweep was run, so that a reader months later can run it again."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from mesosweep import __version__
from mesosweep.records.files import writing

NAME = "commands.jsonl"
"""Beside the stages; one line per run of the program that worked on the sweep."""


def remember(root: Path, argv: Sequence[str], *, now: datetime) -> None:
    """Append a command, its first word that of the program's own commands; raises StoreError.

    No environment is kept: it may hold secrets.
    """
    told = {
        "at": now.isoformat(timespec="seconds"),
        "argv": ["mesosweep", *argv],
        "cwd": str(Path.cwd()),
        "mesosweep": __version__,
        "python": sys.version.split()[0],
    }
    path = root / NAME
    with writing(path):
        root.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            # In one write, so that two who begin at once do not mix their lines.
            os.write(handle, json.dumps(told).encode() + b"\n")
        finally:
            os.close(handle)


def remembered(root: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the commands, oldest first; lines that cannot be read are passed over."""
    found = []
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / NAME).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict) and isinstance(told.get("argv"), list):
                    found.append(told)
    return tuple(found)
