"""Sentences for what a strict schema refuses: where, what, and the nearest known name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from mesosweep.domain.errors import SettingsError, did_you_mean

_SHOWN = 14


def unknown(where: str, what: str, *, name: str, known: Iterable[str]) -> SettingsError:
    """Return the error for a name that nobody knows."""
    names = sorted(known)
    listed = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return SettingsError(
        f"{where}: {what}.", hint=f"{did_you_mean(name, names)}Known: {listed or 'none'}."
    )


def from_pydantic(where: str, error: ValidationError, *, known: Iterable[str]) -> SettingsError:
    """Return the first complaint of a validation as one of ours."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = _place(first["loc"])
    lead = f"{where} → {place}" if place else where
    match first["type"]:
        case "extra_forbidden":
            return unknown(lead, "unknown key", name=str(first["loc"][-1]), known=known)
        case "missing":
            return SettingsError(f"{lead}: missing.")
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return SettingsError(f"{lead}: {message} (got {_short(first['input'])}).")


def _place(loc: Sequence[int | str]) -> str:
    # A union's members are named in the location; nobody wrote them into the file.
    told = [str(part) for part in loc if part not in ("bool", "int", "float", "str")]
    return " → ".join(told)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
