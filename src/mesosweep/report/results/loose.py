"""JSON of unknown honesty, read without raising: what cannot be believed is as good as absent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def json_object(path: Path) -> dict[str, Any]:
    """Return a file's JSON object; empty where there is none that can be read."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def is_damaged(path: Path) -> bool:
    """Whether a file is there and holds no JSON object that can be read."""
    try:
        return not isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str | None:
    """Return a word or a whole number as text; None for anything else, and for nothing."""
    return str(value) if isinstance(value, str | int) and str(value) else None
