"""HTML and SVG as text that is safe: what is not markup is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *inside: object, **attributes: object) -> Markup:
    """Return an element. Plain text in it is escaped; attributes that are None are left out.

    `class_` is written `class`, `data_trial` is written `data-trial`.
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    content = joined(inside)
    if not content and name in _EMPTY:
        return Markup(f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{content}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Return parts one after the other; None is nothing, and plain text is escaped."""
    return Markup("".join(_safe(part) for part in parts if part is not None))


def table(
    headers: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object
) -> Markup:
    """Return a table in a box of its own that scrolls when the screen is too narrow."""
    head = tag("tr", *(tag("th", header, scope="col") for header in headers))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag(
        "div", tag("table", tag("thead", head), tag("tbody", *body), **attributes), class_="scroll"
    )


def whole(text: str) -> str:
    """Return text that is never broken in two."""
    return text.replace(" ", "\u00a0")


def _safe(part: object) -> str:
    return part if isinstance(part, Markup) else escape(str(part))


_EMPTY = frozenset(
    ("br", "hr", "img", "meta", "link", "line", "rect", "circle", "polyline", "path")
)
