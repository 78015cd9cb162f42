"""What a file cannot hold of an object: generations, hashes and metadata, and what was before."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesosweep.ports import Clock

_REMEMBERED = 10_000
"""So many changes can be undone for listings that are late."""


@dataclass(frozen=True, slots=True)
class About:
    """What an uploader says of an object beside its content."""

    content_type: str = "application/octet-stream"
    content_encoding: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """One generation of one object."""

    name: str
    generation: int
    metageneration: int
    size: int
    md5: str
    crc32c: str
    """Both as base64."""
    created: str
    updated: str
    about: About
    file: tuple[int, int, int]
    """Inode, size and time of change: what tells its file from another."""


class Ledger:
    """All live objects of all buckets, kept in a folder of its own, one small file for each."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._last_generation = 0
        self._known: dict[str, dict[str, Stored]] = {}
        self._changes: deque[tuple[datetime, str, str, Stored | None]] = deque(maxlen=_REMEMBERED)
        self.aside.mkdir(parents=True, exist_ok=True)
        for bucket in folder.iterdir():
            if bucket != self.aside:
                self._known[bucket.name] = self._read(bucket)

    @property
    def aside(self) -> Path:
        """A folder for what is not whole yet."""
        return self._folder / "aside"

    def of(self, bucket: str) -> Mapping[str, Stored]:
        """Return what is known of a bucket, by name."""
        return self._known.get(bucket, {})

    def new(self, name: str, content: bytes, about: About, file: tuple[int, int, int]) -> Stored:
        """Return the next generation of an object; later ones have larger numbers, whatever the clock says."""
        now = self._clock.now()
        self._last_generation = max(self._last_generation + 1, int(now.timestamp() * 1_000_000))
        return Stored(
            name=name,
            generation=self._last_generation,
            metageneration=1,
            size=len(content),
            md5=md5_of(content),
            crc32c=crc32c_of(content),
            created=_told(now),
            updated=_told(now),
            about=about,
            file=file,
        )

    def patched(self, stored: Stored, about: About) -> Stored:
        """Return the same generation with other metadata, one metageneration on."""
        return replace(
            stored,
            about=about,
            metageneration=stored.metageneration + 1,
            updated=_told(self._clock.now()),
        )

    def note(self, bucket: str, name: str, stored: Stored | None) -> None:
        """Write down what an object is now; None when it is gone."""
        known = self._known.setdefault(bucket, {})
        self._changes.append((self._clock.now(), bucket, name, known.pop(name, None)))
        if stored is not None:
            known[name] = stored
        told = {
            "name": name,
            # Kept for what is gone as well, so that no generation is given twice.
            "last_generation": self._last_generation,
            "stored": None if stored is None else asdict(stored),
        }
        beside = self._folder / bucket / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
        beside.parent.mkdir(exist_ok=True)
        aside = self.aside / uuid.uuid4().hex
        aside.write_text(json.dumps(told))
        aside.replace(beside)

    def as_of(self, bucket: str, *, delay_s: float) -> dict[str, Stored]:
        """Return what was known of a bucket `delay_s` ago."""
        found = dict(self.of(bucket))
        since = self._clock.now() - timedelta(seconds=delay_s)
        # Undone from the latest back, each change leaves what was before it.
        for at, changed_in, name, before in reversed(self._changes):
            if delay_s == 0 or at <= since:
                break
            if changed_in == bucket and before is None:
                found.pop(name, None)
            elif changed_in == bucket and before is not None:
                found[name] = before
        return found

    def _read(self, bucket: Path) -> dict[str, Stored]:
        found = {}
        for beside in bucket.glob("*.json"):
            told = json.loads(beside.read_text())
            self._last_generation = max(self._last_generation, told["last_generation"])
            if (said := told["stored"]) is not None:
                about = About(**said.pop("about"))
                found[told["name"]] = Stored(**{**said, "file": tuple(said["file"])}, about=about)
        return found


def _told(moment: datetime) -> str:
    # The one spelling that Google's client reads.
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def md5_of(content: bytes) -> str:
    """Return the MD5 of content in base64, as Cloud Storage tells it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def crc32c_of(content: bytes) -> str:
    """Return the CRC32C of content in base64 of its big-endian bytes, likewise."""
    import google_crc32c  # comes with google-cloud-storage

    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
