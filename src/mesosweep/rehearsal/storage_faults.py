"""What goes wrong with a rehearsed Cloud Storage, written down as data.

As a file:

    {"seed": 7,
     "calls": [{"method": "objects.insert", "call": 2, "lost_reply": true},
               {"method": "*", "status": 429, "probability": 0.05}],
     "late_listing_s": 5, "write_interval_s": 1}
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from mesosweep.domain.errors import SettingsError, did_you_mean

T = TypeVar("T")

METHODS = (
    *("buckets.delete", "buckets.get", "buckets.insert", "buckets.list"),
    "buckets.testIamPermissions",
    *("objects.copy", "objects.delete", "objects.download", "objects.get", "objects.insert"),
    *("objects.list", "objects.patch", "objects.rewrite"),
    *("uploads.chunk", "uploads.start"),
)
"""The calls that can fail; `objects.get` reads metadata, `objects.download` content."""


@dataclass(frozen=True, slots=True)
class StorageFault:
    """A call that goes wrong: the `call`-th ones of those that match, or some by chance."""

    method: str = "*"
    """One of `METHODS`; `*` and `?` stand for any letters."""
    name: str = "*"
    """`bucket/object`, likewise; calls about a bucket alone have an empty object."""
    status: int | None = 503
    """What is answered; None closes the connection without a word."""
    lost_reply: bool = False
    """The work is done all the same, and only the answer is lost."""
    call: int | None = None
    """Which of the matching calls meets it first, from 1."""
    times: int = 1
    """How many calls in a row, from `call` on."""
    probability: float | None = None

    def __post_init__(self) -> None:
        if not any(fnmatchcase(method, self.method) for method in METHODS):
            raise SettingsError(
                f"storage fault: {self.method}: no method of the service.",
                hint=f"{did_you_mean(self.method, METHODS)}Known: {', '.join(METHODS)}",
            )
        if (self.call is None) == (self.probability is None):
            raise SettingsError(f"fault of {self.method}: give either call or probability.")
        if self.call is not None and self.call < 1:
            raise SettingsError(f"fault of {self.method}: calls count from 1 (got {self.call}).")
        if self.probability is not None and not 0.0 <= self.probability <= 1.0:
            raise SettingsError(
                f"fault of {self.method}: probability must lie in [0, 1] (got {self.probability})."
            )
        if self.status is not None and not 400 <= self.status <= 599:
            raise SettingsError(
                f"fault of {self.method}: status must lie in [400, 599], or be null for a "
                f"connection that is closed (got {self.status})."
            )


@dataclass(frozen=True, slots=True)
class StorageScript:
    """All that goes wrong in one rehearsal; empty by default."""

    seed: int = 0
    calls: tuple[StorageFault, ...] = ()
    """The first that strikes counts."""
    unreachable: bool = False
    """Every connection is closed without a word."""
    write_interval_s: float = 0.0
    """An object changed again within this time is answered 429; the real service's is 1 s."""
    late_listing_s: float = 0.0
    """Listings tell of a change only after so long; reading an object knows it at once."""

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> StorageScript:
        """Return the script that a JSON file holds; raises SettingsError."""
        known = dict(entries)
        calls = tuple(_read(StorageFault, entry) for entry in known.pop("calls", ()))
        return _read(cls, {**known, "calls": calls})


def _read(kind: type[T], entry: Mapping[str, Any]) -> T:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # only dataclasses come here
    for key in entry:
        if key not in names:
            raise SettingsError(
                f"storage fault script: {key}: unknown key.",
                hint=f"{did_you_mean(key, names)}Known: {', '.join(names)}",
            )
    return kind(**entry)


class StorageFaults:
    """Plays a script: told of every call, it says which of them go wrong.

    Whether the n-th matching call goes wrong by chance depends on the seed and n alone, so the
    same calls meet the same faults. May be told by several threads.
    """

    def __init__(self, script: StorageScript) -> None:
        self.script = script
        self._lock = threading.Lock()
        self._matched: Counter[int] = Counter()
        self._changed: dict[str, datetime] = {}

    def meet(self, method: str, name: str) -> StorageFault | None:
        """Count a call; return what goes wrong with it."""
        struck = None
        with self._lock:
            for place, fault in enumerate(self.script.calls):
                if fnmatchcase(method, fault.method) and fnmatchcase(name, fault.name):
                    self._matched[place] += 1
                    if struck is None and self._hits(fault, place, self._matched[place]):
                        struck = fault
        return struck

    def is_too_soon(self, name: str, now: datetime) -> bool:
        """Whether an object was changed too lately to be changed again."""
        last = self._changed.get(name)
        return last is not None and (now - last).total_seconds() < self.script.write_interval_s

    def changed(self, name: str, now: datetime) -> None:
        """Remember that an object was changed."""
        self._changed[name] = now

    def _hits(self, fault: StorageFault, place: int, number: int) -> bool:
        if fault.call is not None:
            return fault.call <= number < fault.call + fault.times
        drawn = random.Random(f"{self.script.seed}/{place}/{number}").random()
        return drawn < (fault.probability or 0.0)
