"""The filter language of list calls: what is asked of a listing, as a predicate.

    labels.sweep=abc AND (state="JOB_STATE_RUNNING" OR state="JOB_STATE_PENDING")
    NOT display_name:"smoke_*"      create_time>"2026-01-01T00:00:00Z"      labels.stage:*

As in Google's AIP-160, AND binds looser than OR, and a `-` before a term means NOT.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from mesosweep.rehearsal.refusal import invalid


@dataclass(frozen=True, slots=True)
class Listed:
    """What a filter can see of a job."""

    display_name: str
    state: str
    """With its prefix: JOB_STATE_RUNNING."""
    create_time: datetime
    labels: Mapping[str, str]


Predicate: TypeAlias = Callable[[Listed], bool]

_TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<mark><=|>=|!=|[=<>:()\-])|(?P<word>[^\s"=<>!:()]+))'
)
_MEETS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse_filter(text: str) -> Predicate:
    """Return the predicate that `text` writes down; an empty one admits all.

    Raises Refusal (INVALID_ARGUMENT) for what is no filter, or asks for what cannot be asked.
    """
    tokens = _tokens(text)
    if not tokens:
        return lambda _: True
    reader = _Reader(text, tokens)
    predicate = reader.all_of()
    if reader.rest:
        raise invalid("filter", f"'{reader.rest[0]}' is not expected here: {text}")
    return predicate


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise invalid("filter", f"cannot be read from '{text[at:].strip()}' on")
        found.append(match[match.lastgroup or 0])
        at = match.end()
    return found


class _Reader:
    """Reads tokens from left to right; each method takes what it understands."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self._text = text
        self.rest = tokens

    def all_of(self) -> Predicate:
        terms = [self._any_of()]
        # Two terms side by side mean AND as well.
        while self.rest and self.rest[0] != ")":
            if self.rest[0] == "AND":
                self._take()
            terms.append(self._any_of())
        return lambda job: all(term(job) for term in terms)

    def _any_of(self) -> Predicate:
        terms = [self._one()]
        while self.rest and self.rest[0] == "OR":
            self._take()
            terms.append(self._one())
        return lambda job: any(term(job) for term in terms)

    def _one(self) -> Predicate:
        word = self._take()
        if word in ("NOT", "-"):
            denied = self._one()
            return lambda job: not denied(job)
        if word == "(":
            inner = self.all_of()
            if self._take() != ")":
                raise invalid("filter", f"a parenthesis is not closed: {self._text}")
            return inner
        return _restriction(word, mark=self._take(), value=self._value())

    def _value(self) -> str:
        word = self._take()
        if word == "-":  # a value that begins with a dash
            word += self._take()
        return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word

    def _take(self) -> str:
        if not self.rest:
            raise invalid("filter", f"ends too soon: {self._text}")
        return self.rest.pop(0)


def _restriction(field: str, *, mark: str, value: str) -> Predicate:
    snake = re.sub(r"(?<=[a-z])([A-Z])", lambda m: f"_{m[1].lower()}", field)
    match snake.partition(".")[0], mark:
        case "labels", "=" | "!=" if "." in field:
            key = field.partition(".")[2]
            return lambda job: _MEETS[mark](job.labels.get(key), value)
        case "labels", ":" if value == "*" and "." in field:
            key = field.partition(".")[2]
            return lambda job: key in job.labels
        case "display_name", "=" | "!=":
            return lambda job: _MEETS[mark](job.display_name, value)
        case "display_name", ":":
            pattern = value.replace("[", "[[]")
            return lambda job: fnmatchcase(job.display_name, pattern)
        case "state", "=" | "!=":
            return lambda job: _MEETS[mark](job.state, value)
        case "create_time", "=" | "!=" | "<" | "<=" | ">" | ">=":
            moment = _moment(value)
            return lambda job: _MEETS[mark](job.create_time, moment)
    raise invalid("filter", f"'{field}{mark}{value}' asks for what cannot be asked")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("filter", f"'{text}' is not a time of RFC 3339") from None
    if moment.tzinfo is None:
        raise invalid("filter", f"'{text}' names no time zone; RFC 3339 asks for one")
    return moment
