"""Four kinds of parameter that may be searched.

Kinds and scales are those of Vertex AI's and Vizier's `StudySpec`; `Integer` is
ours and is written into a sweep file as `{"type": "integer", "min": …, "max": …}`.
Bounds are inclusive. Every kind maps onto the unit interval and back, which is
all that a quasi-random sampler needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

Scale: TypeAlias = Literal["linear", "log"]
Value: TypeAlias = bool | int | float | str
"""What a parameter or a setting can hold."""
Choice = TypeVar("Choice", int | float, str)


@dataclass(frozen=True, slots=True)
class Double:
    """A real number in `[low, high]`."""

    low: float
    high: float
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        _check_interval(self.low, self.high, self.scale)

    def contains(self, value: Value) -> bool:
        return _is_number(value) and self.low <= value <= self.high  # type: ignore[operator]  # _is_number has ruled out str

    def parse(self, text: str) -> float:
        """Read a value as a worker receives it; raises ValueError outside the interval."""
        value = _finite(text)
        # A value may come back from a service with its last bit rounded.
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        if not self.low - slack <= value <= self.high + slack:
            raise ValueError(f"{text} is outside [{self.low:g}, {self.high:g}]")
        return min(max(value, self.low), self.high)

    def at(self, unit: float) -> float:
        """Return the value at `unit` in [0, 1] of the scaled interval."""
        if self.scale == "log":
            low, high = math.log(self.low), math.log(self.high)
            value = math.exp(low + unit * (high - low))
        else:
            # Weighed ends, since the length of a wide interval may overflow.
            value = self.low * (1 - unit) + self.high * unit
        return min(max(value, self.low), self.high)

    def corners(self) -> tuple[float, ...]:
        return (self.low, self.high)

    def entry(self) -> dict[str, Any]:
        """Return it as a sweep file writes it."""
        return {"type": "double", "min": self.low, "max": self.high, "scale": self.scale}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in `[low, high]`."""

    low: int
    high: int
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        _check_interval(self.low, self.high, self.scale)

    def contains(self, value: Value) -> bool:
        is_whole = _is_number(value) and (isinstance(value, int) or float(value).is_integer())
        return is_whole and self.low <= value <= self.high  # type: ignore[operator]  # _is_number has ruled out str

    def parse(self, text: str) -> int:
        try:
            # Straight to int: a float holds whole numbers up to 2**53 only.
            value = int(text)
        except ValueError:
            number = _finite(text)
            if not number.is_integer():
                raise ValueError(f"{text} is not a whole number") from None
            value = int(number)
        if not self.low <= value <= self.high:
            raise ValueError(f"{text} is outside [{self.low}, {self.high}]")
        return value

    def at(self, unit: float) -> int:
        # Each whole number owns an equal share of the (scaled) interval widened by a half.
        if self.scale == "log":
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = round(math.exp(low + unit * (high - low)))
        else:
            value = math.floor(self.low + unit * (self.high - self.low + 1))
        return min(max(value, self.low), self.high)

    def corners(self) -> tuple[int, ...]:
        return (self.low, self.high)

    def entry(self) -> dict[str, Any]:
        return {"type": "integer", "min": self.low, "max": self.high, "scale": self.scale}


@dataclass(frozen=True, slots=True)
class Discrete:
    """One of a few numbers, in ascending order."""

    values: tuple[int | float, ...]

    def __post_init__(self) -> None:
        _check_choices(self.values)
        if any(not _is_number(value) or not math.isfinite(value) for value in self.values):
            raise ValueError("values must be finite numbers")
        if list(self.values) != sorted(self.values):
            object.__setattr__(self, "values", tuple(sorted(self.values)))

    def contains(self, value: Value) -> bool:
        return _is_number(value) and value in self.values

    def parse(self, text: str) -> int | float:
        # Vertex sends discrete values as floats ("64.0"); PPO wants an int, so the
        # space, not the worker, decides the type.
        value = _finite(text)
        nearest = min(self.values, key=lambda known: abs(known - value))
        if math.isclose(nearest, value, rel_tol=1e-9, abs_tol=1e-12):
            return nearest
        raise ValueError(f"{text} is none of {', '.join(map(str, self.values))}")

    def at(self, unit: float) -> int | float:
        return _choose(self.values, unit)

    def corners(self) -> tuple[int | float, ...]:
        return (self.values[0], self.values[-1])

    def entry(self) -> dict[str, Any]:
        return {"type": "discrete", "values": list(self.values)}


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of a few words."""

    values: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_choices(self.values)
        if any(not isinstance(value, str) for value in self.values):
            raise ValueError("values must be strings; use discrete for numbers")

    def contains(self, value: Value) -> bool:
        return value in self.values

    def parse(self, text: str) -> str:
        if text not in self.values:
            raise ValueError(f"'{text}' is none of {', '.join(self.values)}")
        return text

    def at(self, unit: float) -> str:
        return _choose(self.values, unit)

    def corners(self) -> tuple[str, ...]:
        return self.values

    def entry(self) -> dict[str, Any]:
        return {"type": "categorical", "values": list(self.values)}


Parameter: TypeAlias = Double | Integer | Discrete | Categorical


def parameter_of(entry: Mapping[str, Any]) -> Parameter:
    """Return the parameter of a sweep file's entry; the inverse of `entry()`.

    Raises ValueError for an interval or a choice that cannot be, and for a type
    or a field that there is not.
    """
    fields = dict(entry)
    kind, scale = fields.pop("type", None), fields.pop("scale", "linear")
    if scale not in ("linear", "log"):
        raise ValueError(f"scale must be linear or log (got {scale!r})")
    match kind, fields:
        case "double", {"min": low, "max": high, **rest} if not rest:
            return Double(low, high, scale)
        case "integer", {"min": low, "max": high, **rest} if not rest:
            return Integer(low, high, scale)
        case "discrete", {"values": values, **rest} if not rest:
            return Discrete(tuple(values))
        case "categorical", {"values": values, **rest} if not rest:
            return Categorical(tuple(values))
    raise ValueError(f"no parameter has type {kind!r} and fields {', '.join(fields)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def _check_interval(low: float, high: float, scale: Scale) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"min and max must be finite (got min={low}, max={high})")
    if not low < high:
        raise ValueError(f"min must be below max (got min={low:g}, max={high:g})")
    if scale == "log" and low <= 0:
        raise ValueError(f"log scale needs min > 0 (got min={low:g})")


def _check_choices(values: tuple[object, ...]) -> None:
    if not values:
        raise ValueError("values must not be empty")
    if len(set(values)) != len(values):
        raise ValueError("values must not repeat")


def _choose(values: tuple[Choice, ...], unit: float) -> Choice:
    return values[min(int(unit * len(values)), len(values) - 1)]
