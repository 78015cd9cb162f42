"""How a value is read: from text, as a worker receives it, and from a typed file."""

from __future__ import annotations

import json
import math
from typing import Literal, TypeAlias

from mesosweep.domain.space import Categorical, Discrete, Double, Parameter, Value
from mesosweep.domain.study import told

ValueKind: TypeAlias = Literal["float", "int", "bool", "str", "net_arch", "number"]
"""An algorithm's kinds, and `number`: whole or not, as it is written."""

NET_ARCHS: dict[str, tuple[int, ...]] = {
    "small": (64, 64),
    "medium": (256, 256),
    "large": (512, 512),
    "deep": (256, 256, 256),
    "tapered": (512, 256),
    "deep_tapered": (512, 512, 256),
}
"""Network presets: the widths of the hidden layers of policy and value function."""

_WORD: dict[ValueKind, str] = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a word",
    "net_arch": f"one of {', '.join(NET_ARCHS)}, or widths such as [64, 64]",
    "number": "a number",
}
_TRUE, _FALSE = ("true", "1", "1.0", "yes", "on"), ("false", "0", "0.0", "no", "off")


def read(text: str, kind: ValueKind) -> Value:
    """Read a value of a kind from text; raises ValueError with a clause for the user.

    A tuning service writes whole numbers as floats, so "64.0" is the int 64.
    Layer widths come back in one spelling, `[64, 64]`.
    """
    text = text.strip()
    match kind:
        case "str":
            return text
        case "bool":
            if text.lower() in _TRUE:
                return True
            if text.lower() in _FALSE:
                return False
        case "net_arch":
            if text in NET_ARCHS or (widths := _widths(text)) is None:
                return _preset(text)
            return json.dumps(widths)
        case "int":
            whole = _whole(text)
            if whole is not None:
                return whole
        case "number" if _is_int(text):
            return int(text)
        case "float" | "number":
            number = _number(text)
            if number is not None:
                return number
    raise ValueError(f"'{text}' is not {_WORD[kind]}")


def fit(value: object, kind: ValueKind) -> Value:
    """Check a value that a file has typed already; raises ValueError with a clause.

    A whole number stands for a number, and a number for a word (`auto` or 0.1).
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "bool" if isinstance(value, bool):
            return value
        case "str" if isinstance(value, str) or is_number:
            return value if isinstance(value, str) else told(value)  # type: ignore[arg-type]  # is_number
        case "float" if is_number and math.isfinite(value):  # type: ignore[arg-type]  # is_number
            return float(value)  # type: ignore[arg-type]  # is_number
        case "number" if is_number and math.isfinite(value):  # type: ignore[arg-type]  # is_number
            return value  # type: ignore[return-value]  # is_number
        case "int" if is_number and float(value).is_integer():  # type: ignore[arg-type]  # is_number
            return int(value)  # type: ignore[call-overload, no-any-return]  # is_number
        case "net_arch" if isinstance(value, str | list):
            return read(value if isinstance(value, str) else json.dumps(value), "net_arch")
    raise ValueError(f"{value!r} is not {_WORD[kind]}")


def net_arch(value: str) -> list[int]:
    """Return the layer widths of a preset, or of widths written out."""
    if value in NET_ARCHS:
        return list(NET_ARCHS[value])
    widths = _widths(value)
    if widths is None:
        raise ValueError(f"'{value}' is not {_WORD['net_arch']}")
    return widths


def kind_of(*values: Value) -> ValueKind:
    """Return the kind that these values of one setting have in common.

    Whole numbers are `int` only when all are; raises ValueError for a mixture.
    """
    if all(isinstance(value, bool) for value in values):
        return "bool"
    if all(isinstance(value, str) for value in values):
        return "str"
    if any(isinstance(value, bool | str) for value in values):
        raise ValueError(f"{', '.join(map(repr, values))} are not of one kind")
    return "int" if all(isinstance(value, int) for value in values) else "float"


def misfit(parameter: Parameter, kind: ValueKind) -> str | None:
    """Say why a parameter cannot hold values of a kind; None when it can."""
    if isinstance(parameter, Double):
        if kind in ("float", "number", "str"):
            return None
        instead = {"int": "integer or discrete", "bool": "discrete"}.get(kind, "categorical")
        return f"it takes {_WORD[kind]}; use type {instead}, not double"
    values = parameter.values if isinstance(parameter, Discrete | Categorical) else ()
    for value in values:
        try:
            read(str(value), kind)
        except ValueError as cause:
            return str(cause)
    if isinstance(parameter, Categorical) and kind in ("float", "int", "number"):
        return f"it takes {_WORD[kind]}; use type discrete, not categorical"
    if not values and kind in ("bool", "net_arch"):
        return f"it takes {_WORD[kind]}; use type categorical, not integer"
    return None


def _is_int(text: str) -> bool:
    return text.lstrip("+-").isdecimal() and len(text) - len(text.lstrip("+-")) <= 1


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    if _is_int(text):
        return int(text)
    number = _number(text)
    return int(number) if number is not None and number.is_integer() else None


def _preset(text: str) -> str:
    if text not in NET_ARCHS:
        raise ValueError(f"'{text}' is not {_WORD['net_arch']}")
    return text


def _widths(text: str) -> list[int] | None:
    try:
        widths = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(widths, list) or not widths:
        return None
    right = all(isinstance(w, int) and not isinstance(w, bool) and w > 0 for w in widths)
    return widths if right else None
