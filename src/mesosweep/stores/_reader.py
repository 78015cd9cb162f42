"""A JSON object that is read with suspicion: every fault says where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

_NOT_FINITE = {"nan", "inf", "-inf"}


class Reader:
    """One JSON object and its place in the file. All methods raise ValueError."""

    __slots__ = ("data", "where")

    def __init__(self, data: Mapping[str, Any], where: str = "") -> None:
        self.data = data
        self.where = where

    def child(self, key: str) -> Reader:
        return Reader(self._of(key, dict, "an object"), self._at(key))

    def maybe_child(self, key: str) -> Reader | None:
        return None if self._get(key) is None else self.child(key)

    def children(self, key: str) -> list[Reader]:
        found = self._of(key, list, "a list")
        for place, item in enumerate(found):
            if not isinstance(item, dict):
                raise self._wrong(f"{key}[{place}]", "an object", item)
        return [Reader(item, f"{self._at(key)}[{place}]") for place, item in enumerate(found)]

    def mapping(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self._of(key, dict, "an object")
        return found

    def text(self, key: str) -> str:
        return str(self._of(key, str, "a string"))

    def maybe_text(self, key: str) -> str | None:
        return None if self._get(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._of(key, list, "a list")
        if not all(isinstance(item, str) for item in found):
            raise ValueError(f"{self._at(key)}: a list of strings was expected")
        return tuple(found)

    def word(self, key: str, known: tuple[Any, ...]) -> Any:
        """Return one of the `known` words; the caller's `Literal` is its type."""
        value = self.text(key)
        if value not in known:
            raise ValueError(f"{self._at(key)}: {value!r} is none of {', '.join(known)}")
        return value

    def whole(self, key: str) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number", value)
        return value

    def maybe_whole(self, key: str) -> int | None:
        return None if self._get(key) is None else self.whole(key)

    def number(self, key: str) -> float:
        value = self._get(key)
        if isinstance(value, str) and value in _NOT_FINITE:
            return float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number", value)
        return value

    def maybe_number(self, key: str) -> float | None:
        return None if self._get(key) is None else self.number(key)

    def flag(self, key: str) -> bool:
        return bool(self._of(key, bool, "true or false"))

    def maybe_flag(self, key: str) -> bool | None:
        return None if self._get(key) is None else self.flag(key)

    def moment(self, key: str) -> datetime | None:
        text = self.maybe_text(key)
        if text is None:
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise self._wrong(key, "a date and time", text) from None

    def _of(self, key: str, kind: type, what: str) -> Any:
        value = self._get(key)
        if not isinstance(value, kind):
            raise self._wrong(key, what, value)
        return value

    def _get(self, key: str) -> Any:
        try:
            return self.data[key]
        except KeyError:
            raise ValueError(f"{self._at(key)}: missing") from None

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _wrong(self, key: str, what: str, value: object) -> ValueError:
        return ValueError(f"{self._at(key)}: {what} was expected, not {value!r:.60}")
