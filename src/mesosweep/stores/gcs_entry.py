"""One generation of an object in a bucket, and what it says of its writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

TOKEN = "mesosweep-token"  # noqa: S105  # no secret: the name of a metadata key
WRITER = "mesosweep-writer"


@dataclass(frozen=True, slots=True)
class Entry:
    """One generation of an object, as a listing or an answer tells it."""

    name: str
    generation: int
    size: int
    crc32c: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Empty where content was read: that answer does not tell it."""
    updated: datetime | None = None


def entry_of(blob: Any, *, size: int | None = None) -> Entry:
    """Return what Google's client knows of an object after a call."""
    return Entry(
        name=blob.name,
        generation=int(blob.generation),
        size=int(blob.size or 0) if size is None else size,
        crc32c=blob.crc32c or "",
        metadata=dict(blob.metadata or {}),
        updated=blob.updated,
    )


def is_copy(there: Entry, *, of: Entry) -> bool:
    """Whether one object is a copy of another: the same content, by the same write."""
    same_content = (there.size, there.crc32c) == (of.size, of.crc32c)
    return same_content and there.metadata.get(TOKEN) == of.metadata.get(TOKEN)


def who_wrote(found: Entry | None) -> str:
    """Return the beginning of a sentence: who wrote an object that somebody else holds."""
    if found is None:
        return "somebody else removed it"
    at = f" at {found.updated:%Y-%m-%d %H:%M:%S}" if found.updated else ""
    return f"{found.metadata.get(WRITER, 'somebody else')} wrote it{at}"
