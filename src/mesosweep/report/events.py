"""The event stream for machines: one JSON object a line, `run-all --events FILE`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from mesosweep.domain.errors import StoreError, UsageError
from mesosweep.domain.events import Event
from mesosweep.domain.space import SearchSpace

VERSION = 1
"""Changes only when a key changes its meaning or goes away."""


def as_json(event: Event) -> str:
    """Return the event as one line of JSON.

    `event` holds its name in snake case, `version` the version of this format; the
    rest are the event's own fields. A number that is not finite becomes null, since
    JSON knows no other word for it.
    """
    told = {"event": event_name(event), "version": VERSION, **plain(event)}
    return json.dumps(told, separators=(",", ":"), allow_nan=False)


def event_name(event: Event) -> str:
    """Return `trial_finished` for a `TrialFinished`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def plain(value: Any) -> Any:  # any value of the domain goes in, any JSON comes out
    """Return a domain value as what `json` can write."""
    if is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, SearchSpace):
            return value.entries()
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class EventFile:
    """Appends events to a file; usable as a context. A reader may follow it with `tail -f`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a", encoding="utf-8")
        except OSError as cause:
            raise UsageError(
                f"--events {path}: cannot be written: {cause.strerror or cause}.",
                hint="Name a file in a folder that you may write to.",
            ) from cause

    def __call__(self, event: Event) -> None:
        try:
            self._file.write(as_json(event) + "\n")
            self._file.flush()
        except OSError as cause:
            raise StoreError(
                f"{self._path}: cannot write the event stream: {cause.strerror or cause}.",
                hint="Make room, then run the same command: it goes on where it stopped.",
            ) from cause

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
