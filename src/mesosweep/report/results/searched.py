"""What was searched, read off the trials: which parameters varied, and how to lay them on an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mesosweep.report.results.rows import Cell, Row, finite

_FEW = 8
"""So many different whole numbers are choices, which stand side by side."""
_WIDE_RATIO = 8.0
"""Values that differ by more than this factor are told apart on a logarithmic axis only."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter's values as they lie on an axis."""

    name: str
    kind: Literal["linear", "log", "words"]
    words: tuple[str, ...] = ()
    """The choices, in order; empty for numbers."""

    def at(self, value: Cell) -> float | None:
        """Return where a value lies; None where it has no place."""
        if value is None:
            return None
        if self.kind == "words":
            word = spelt(value)
            return float(self.words.index(word)) if word in self.words else None
        number = finite(value)
        return None if number is None or (self.kind == "log" and number <= 0) else number


def axes(rows: Sequence[Row]) -> tuple[Axis, ...]:
    """Return the parameters that a study searched, or that differ where nobody says."""
    searched = dict.fromkeys(name for row in rows for name in row.searched)
    names = list(searched) or sorted({name for row in rows for name in row.parameters})
    found = [_axis(name, [row.parameters.get(name) for row in rows]) for name in names]
    return tuple(axis for axis in found if axis is not None)


def _axis(name: str, values: Iterable[Cell]) -> Axis | None:
    """Return the axis of these values; None where they do not vary."""
    told = [value for value in values if value is not None]
    if len(set(map(spelt, told))) < 2:
        return None
    numbers = [number for value in told if (number := finite(value)) is not None]
    if len(numbers) < len(told):
        return Axis(name, "words", tuple(sorted(set(map(spelt, told)), key=_by_size)))
    if all(number.is_integer() for number in numbers) and len(set(numbers)) <= _FEW:
        return Axis(name, "words", tuple(sorted(set(map(spelt, told)), key=_by_size)))
    low, high = min(numbers), max(numbers)
    if low > 0 and high / low >= _WIDE_RATIO:
        return Axis(name, "log")
    return Axis(name, "linear")


def spelt(value: Cell) -> str:
    """Return a value as text; equal numbers are spelt alike."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _by_size(word: str) -> tuple[float, str]:
    try:
        return float(word), word
    except ValueError:
        return math.inf, word
