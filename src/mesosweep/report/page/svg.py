"""Charts of a few marks: scales, axes with round numbers, and a frame to draw into."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mesosweep.report.page.markup import Markup, joined, tag
from mesosweep.report.words import count, value

_LETTER = 5.8
"""Pixels that a character of a tick's label takes."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels; `low` and `high` are at `start` and `end`."""

    low: float
    high: float
    start: float
    end: float
    kind: Literal["linear", "log", "words"] = "linear"
    words: tuple[str, ...] = ()

    def __call__(self, place: float) -> float:
        low, high, at = self.low, self.high, place
        if self.kind == "log":
            low, high, at = math.log(low), math.log(high), math.log(place)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, wanted: int = 4) -> list[tuple[float, str]]:
        """Return round places within the scale, with their labels."""
        if self.kind == "words":
            return [(float(place), word) for place, word in enumerate(self.words)]
        if self.kind == "log":
            return [(tick, value(float(tick))) for tick in log_ticks(self.low, self.high, wanted)]
        return [(tick, _told(tick)) for tick in round_ticks(self.low, self.high, wanted)]


def round_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten within an interval."""
    if not high > low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= 0.7 * rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def log_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return powers of ten within an interval, and 2 and 5 times them where they are few."""
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [
            factor * 10.0**power
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for factor in factors
            if low * 0.999 <= factor * 10.0**power <= high * 1.001
        ]
        if len(found) >= min(wanted, 3):
            return found[:: math.ceil(len(found) / (2 * wanted))]
    return found or [low, high]


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """Return an interval a little wider than the values."""
    told = list(values)
    low, high = min(told), max(told)
    margin = (high - low) * share or abs(low) * share or 1.0
    return low - margin, high + margin


@dataclass
class Frame:
    """A drawing with a plot area; marks are added, then it is closed."""

    width: int
    height: int
    left: int = 52
    right: int = 12
    top: int = 10
    bottom: int = 36
    marks: list[Markup] = field(default_factory=list)

    def x(self, low: float, high: float, **more: object) -> Scale:
        return Scale(low, high, self.left, self.width - self.right, **more)  # type: ignore[arg-type]

    def y(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.height - self.bottom, self.top)

    def axes(self, x: Scale, y: Scale, *, x_name: str = "", y_name: str = "") -> None:
        """Draw both axes, horizontal lines and the names."""
        foot = self.height - self.bottom
        for tick, label in y.ticks():
            at = y(tick)
            self.line(self.left, at, self.width - self.right, at, class_="grid")
            self.text(self.left - 6, at + 3.5, label, class_="tick", text_anchor="end")
        self.line(self.left, foot, self.width - self.right, foot, class_="axis")
        self.ticks_below(x, foot)
        if x_name:
            middle = (self.left + self.width - self.right) / 2
            self.text(middle, self.height - 4, x_name, class_="name", text_anchor="middle")
        if y_name:
            self.text(4, 11, y_name, class_="name")

    def ticks_below(self, x: Scale, foot: float) -> None:
        ticks = _fitting(x)
        # Words may be cut short; a number that was would be another one.
        room = (x.end - x.start) / max(len(ticks), 1)
        longest = max(3, int(room / _LETTER)) if x.kind == "words" else sys.maxsize
        for tick, label in ticks:
            at = x(tick)
            self.line(at, foot, at, foot + 4, class_="axis")
            short = label if len(label) <= longest else f"{label[: longest - 1]}…"
            # A label at the very end moves inwards rather than out of the drawing.
            half = _LETTER * len(short) / 2
            at = min(max(at, half), self.width - half)
            self.text(at, foot + 16, short, class_="tick", text_anchor="middle")

    def line(self, x1: float, y1: float, x2: float, y2: float, **attributes: object) -> None:
        self.marks.append(tag("line", x1=px(x1), y1=px(y1), x2=px(x2), y2=px(y2), **attributes))

    def dot(self, x: float, y: float, r: float, **attributes: object) -> None:
        self.marks.append(tag("circle", cx=px(x), cy=px(y), r=px(r), **attributes))

    def bar(self, x: float, y: float, width: float, height: float, **attributes: object) -> None:
        self.marks.append(
            tag("rect", x=px(x), y=px(y), width=px(width), height=px(height), **attributes)
        )

    def curve(self, points: Sequence[tuple[float, float]], **attributes: object) -> None:
        told = " ".join(f"{px(x)},{px(y)}" for x, y in points)
        self.marks.append(tag("polyline", points=told, **attributes))

    def cross(self, x: float, y: float, size: float = 3.0, **attributes: object) -> None:
        a, b, c, d = px(x - size), px(x + size), px(y - size), px(y + size)
        self.marks.append(tag("path", d=f"M{a} {c}L{b} {d}M{a} {d}L{b} {c}", **attributes))

    def text(self, x: float, y: float, words: str, **attributes: object) -> None:
        self.marks.append(tag("text", words, x=px(x), y=px(y), **attributes))

    def closed(self, title: str, *, wide: bool = False) -> Markup:
        """Return the drawing; `title` is what somebody who cannot see it is told."""
        return tag(
            "svg",
            tag("title", title),
            joined(self.marks),
            viewBox=f"0 0 {self.width} {self.height}",
            role="img",
            class_="chart wide" if wide else "chart",
            # Wide ones scroll in a box of their own rather than shrink until nobody can read them.
            style=f"max-width:{self.width * 1.2:.0f}px"
            + (f";min-width:{self.width * 0.85:.0f}px" if wide else ""),
        )


def _fitting(x: Scale) -> list[tuple[float, str]]:
    """Return ticks whose labels have room side by side; fewer of them where they are long."""
    ticks = x.ticks()
    if x.kind == "words":
        return ticks
    for wanted in (3, 2, 1):
        needed = sum(_LETTER * (len(label) + 1) for _, label in ticks)
        if needed <= x.end - x.start:
            break
        ticks = x.ticks(wanted)
    return ticks


def px(number: float) -> str:
    """Write a coordinate: a tenth of a pixel is as fine as anybody sees."""
    return f"{number:.1f}".removesuffix(".0")


def _told(tick: float) -> str:
    size = abs(tick)
    if size >= 10_000:
        return count(tick) if tick > 0 else f"-{count(-tick)}"
    return f"{round(tick, 10):g}"
