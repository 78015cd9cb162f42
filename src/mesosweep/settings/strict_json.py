"""JSON as a user writes it, read strictly: no key twice, no NaN, and every fault says where it lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import SettingsError


def read_text(path: Path) -> str:
    """Return a file's text; raises SettingsError naming the file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text.") from None
    except OSError as cause:
        raise SettingsError(f"{path}: {cause.strerror or 'cannot be read'}.") from None


def read_json(text: str, source: str) -> object:
    """Return what a text holds; raises SettingsError naming source, line and column."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number that JSON knows")

    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=refuse)
    except json.JSONDecodeError as cause:
        place = f"{source}:{cause.lineno}:{cause.colno}"
        raise SettingsError(f"{place}: is not JSON: {cause.msg}.") from None
    except RecursionError:
        raise SettingsError(f"{source}: is nested too deeply.") from None
    except ValueError as cause:
        raise SettingsError(f"{source}: {cause}.") from None


def json_object(value: object, where: str) -> dict[str, Any]:
    """Return an object that `read_json` read; raises SettingsError for a key twice and for no object."""
    if isinstance(value, _Twice):
        sign = " →" if ": " in where else ":"
        raise SettingsError(f"{where}{sign} {value.key}: stands there twice; remove one.")
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: must be a JSON object in braces.")
    return value


class _Twice(dict[str, Any]):
    """A JSON object in which a key stood twice; where it stands is known only later."""

    key: str


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) == len(pairs):
        return table
    names = [name for name, _ in pairs]
    twice = _Twice(table)
    twice.key = next(name for name in names if names.count(name) > 1)
    return twice
