"""One page of a bucket's names: prefix, delimiter, offsets, glob and page token."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mesosweep.rehearsal.storage_conditions import Refusal

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """What one request for a list is answered with."""

    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    """Where names were folded at the delimiter."""
    next_token: str | None


def page_of(names: Iterable[str], query: Mapping[str, str]) -> Page:
    """Choose from all names of a bucket what the query asks for, in the order of their bytes.

    Raises:
        Refusal: 400, the query cannot be understood.
    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    start, end = query.get("startOffset", ""), query.get("endOffset", "")
    glob = re.compile(_pattern(query["matchGlob"])) if query.get("matchGlob") else None
    entries: dict[str, bool] = {}
    for name in names:
        if not name.startswith(prefix) or name < start or (end and name >= end):
            continue
        if glob is not None and glob.fullmatch(name) is None:
            continue
        cut = name.find(delimiter, len(prefix)) if delimiter else -1
        entries[name if cut < 0 else name[: cut + len(delimiter)]] = cut >= 0
    after = _told(query.get("pageToken", ""))
    ordered = [entry for entry in sorted(entries, key=str.encode) if entry.encode() > after]
    limit = _limit(query.get("maxResults", ""))
    shown = ordered[:limit]
    return Page(
        names=tuple(entry for entry in shown if not entries[entry]),
        prefixes=tuple(entry for entry in shown if entries[entry]),
        next_token=_token(shown[-1]) if len(ordered) > limit else None,
    )


def _limit(text: str) -> int:
    if text and (not text.isdecimal() or int(text) == 0):
        raise Refusal(400, f"Invalid value for maxResults: {text!r}")
    return min(int(text), _MOST) if text else _MOST


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _told(token: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(token)
    except ValueError:
        raise Refusal(400, f"Invalid page token: {token!r}") from None


def _pattern(glob: str) -> str:
    """Translate `*`, `**`, `?`, `[…]` and `{a,b}`; only `**` crosses a slash."""
    made, place, depth = [], 0, 0
    while place < len(glob):
        sign = glob[place]
        place += 1
        if sign == "*" and glob[place : place + 1] == "*":
            place += 1
            made.append(".*")
        elif sign == "*":
            made.append("[^/]*")
        elif sign == "?":
            made.append("[^/]")
        elif sign == "[" and (close := glob.find("]", place + 1)) > 0:
            inside = glob[place:close].replace("\\", "\\\\")
            made.append(f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]")
            place = close + 1
        elif sign == "{":
            depth += 1
            made.append("(?:")
        elif sign == "}" and depth:
            depth -= 1
            made.append(")")
        elif sign == "," and depth:
            made.append("|")
        else:
            made.append(re.escape(sign))
    if depth:
        raise Refusal(400, f"Invalid value for matchGlob: {glob!r}")
    return "".join(made)
