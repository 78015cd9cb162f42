"""The files in which a user says what is to go wrong: one JSON object each, or a sentence of why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import SettingsError


def read_object(path: Path, *, where: str) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        SettingsError: there is none to be read; the message begins with `where`.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise SettingsError(f"{where}: cannot be read as JSON: {cause}.") from cause
    if not isinstance(told, dict):
        raise SettingsError(f"{where}: must hold one JSON object.")
    return told
