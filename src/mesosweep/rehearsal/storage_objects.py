"""Objects of a rehearsed Cloud Storage, kept as files: `<root>/<bucket>/<name>`.

So a program that writes `/gcs/<bucket>/<name>`, mounted on the same folder, and one that reads
`gs://<bucket>/<name>` meet. A file that somebody else put there or changed is a new generation
once it is noticed. What a program writes piece by piece into its place is seen in pieces: a real
mount shows an object when its file is closed, so write aside and rename.
"""

from __future__ import annotations

import os
import re
import threading
import uuid
from pathlib import Path
from typing import BinaryIO

from mesosweep.ports import Clock
from mesosweep.rehearsal.storage_conditions import Conditions, Refusal
from mesosweep.rehearsal.storage_ledger import About, Ledger, Stored

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")


class Shelf:
    """All buckets below a root. Every method may be called from several threads."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self._lock = threading.RLock()
        self._ledger = Ledger(root / ".storage", clock)

    def buckets(self) -> tuple[str, ...]:
        """Return the names of all buckets: the folders that lie in the root."""
        return tuple(sorted(p.name for p in self.root.iterdir() if _BUCKET.fullmatch(p.name)))

    def make_bucket(self, bucket: str) -> None:
        """Make an empty bucket; raises Refusal: 409 when there is one, 400 for an impossible name."""
        if _BUCKET.fullmatch(bucket) is None:
            raise Refusal(400, f"Invalid bucket name: '{bucket}'")
        with self._lock:
            if (self.root / bucket).is_dir():
                raise Refusal(409, "You already own this bucket. Please select another name.")
            (self.root / bucket).mkdir()

    def drop_bucket(self, bucket: str) -> None:
        """Remove an empty bucket; raises Refusal."""
        with self._lock:
            if self.listed(bucket):
                raise Refusal(409, "The bucket you tried to delete is not empty.")
            # Folders in which nothing lies are no objects, but they are in the way.
            for folder, _, _ in os.walk(self.root / bucket, topdown=False):
                Path(folder).rmdir()

    def check_bucket(self, bucket: str) -> None:
        """Raise Refusal, 404, when there is no such bucket."""
        if _BUCKET.fullmatch(bucket) is None or not (self.root / bucket).is_dir():
            raise Refusal(404, "The specified bucket does not exist.")

    def get(
        self, bucket: str, name: str, conditions: Conditions, *, generation: int | None = None
    ) -> Stored:
        """Return the live generation, which must be `generation` where that is given.

        Raises:
            Refusal: 404 when it is absent; 412 or 304 when a condition does not hold.
        """
        with self._lock:
            self.check_bucket(bucket)
            found = self._seen(bucket, name)
            if found is None or generation not in (None, found.generation):
                raise Refusal(404, f"No such object: {bucket}/{name}")
            conditions.check(found.generation, found.metageneration)
            return found

    def open(
        self, bucket: str, name: str, conditions: Conditions, *, generation: int | None = None
    ) -> tuple[Stored, BinaryIO]:
        """Return an object and its content, which stays what it is while it is open."""
        with self._lock:
            found = self.get(bucket, name, conditions, generation=generation)
            try:
                return found, self._path(bucket, name).open("rb")
            except FileNotFoundError:  # taken away at this moment, by somebody else
                raise Refusal(404, f"No such object: {bucket}/{name}") from None

    def check(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Raise Refusal when an object may not be written under these conditions."""
        with self._lock:
            self.check_bucket(bucket)
            found = self._seen(bucket, name)
            conditions.check(found.generation if found else 0, found.metageneration if found else 0)

    def put(
        self, bucket: str, name: str, content: bytes, about: About, conditions: Conditions
    ) -> Stored:
        """Make a new generation of an object; raises Refusal when a condition does not hold."""
        with self._lock:
            self.check(bucket, name, conditions)
            path, aside = self._path(bucket, name), self._ledger.aside / uuid.uuid4().hex
            aside.write_bytes(content)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                aside.replace(path)
            except OSError as cause:
                aside.unlink()
                raise Refusal(
                    400,
                    f"{name}: a rehearsal keeps objects as files, and here this cannot be one: "
                    f"{cause.strerror}. One object's name may not be a folder of another's.",
                ) from cause
            made = self._ledger.new(name, content, about, _file(path))
            self._ledger.note(bucket, name, made)
            return made

    def patch(self, bucket: str, name: str, about: About, conditions: Conditions) -> Stored:
        """Replace what is said of an object: the same generation, the next metageneration."""
        with self._lock:
            patched = self._ledger.patched(self.get(bucket, name, conditions), about)
            self._ledger.note(bucket, name, patched)
            return patched

    def remove(
        self, bucket: str, name: str, conditions: Conditions, *, generation: int | None = None
    ) -> None:
        """Remove an object; raises Refusal as `get` does."""
        with self._lock:
            self.get(bucket, name, conditions, generation=generation)
            self._path(bucket, name).unlink(missing_ok=True)
            self._ledger.note(bucket, name, None)

    def listed(self, bucket: str, *, delay_s: float = 0.0) -> dict[str, Stored]:
        """Return all objects by name, as they were `delay_s` ago."""
        with self._lock:
            self.check_bucket(bucket)
            for name in {*_files(self.root / bucket), *self._ledger.of(bucket)}:
                self._seen(bucket, name)
            return self._ledger.as_of(bucket, delay_s=delay_s)

    def _seen(self, bucket: str, name: str) -> Stored | None:
        """Compare what is known of an object with its file, which anybody may have changed."""
        known = self._ledger.of(bucket).get(name)
        path = self._path(bucket, name)
        try:
            file = _file(path)
            if known is not None and known.file == file:
                return known
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if known is not None:
                self._ledger.note(bucket, name, None)
            return None
        found = self._ledger.new(name, content, About(), file)
        self._ledger.note(bucket, name, found)
        return found

    def _path(self, bucket: str, name: str) -> Path:
        if any(part in ("", ".", "..") or len(part.encode()) > 255 for part in name.split("/")):
            raise Refusal(400, f"'{name}': a rehearsal keeps objects as files; this names none.")
        return self.root / bucket / name


def _files(folder: Path) -> set[str]:
    return {
        (Path(below) / file).relative_to(folder).as_posix()
        for below, _, files in os.walk(folder)
        for file in files
    }


def _file(path: Path) -> tuple[int, int, int]:
    told = path.stat()
    if path.is_dir():
        raise IsADirectoryError(path)
    return told.st_ino, told.st_size, told.st_mtime_ns
