"""A bucket as the rest of the house sees it: whole objects, generations, and no surprises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

from mesosweep.domain.errors import StoreConflict
from mesosweep.ports import Clock
from mesosweep.stores.gcs_client import TIMEOUT_S, asked, no_bucket, open_client
from mesosweep.stores.gcs_entry import TOKEN, WRITER, Entry, entry_of, is_copy, who_wrote

T = TypeVar("T")

WRITE_INTERVAL_S = 1.0
"""Cloud Storage takes one change of an object in this time."""
_ONCE: Mapping[str, Any] = {"retry": None, "timeout": TIMEOUT_S}


class Bucket:
    """One bucket. Waits and tries again by its clock; no call asks Google's client to do so.

    All methods raise `Refused` for what will not succeed as it stands, a missing bucket
    included, and `StoreUnreachable` when there was no answer: that is never taken for absence.
    """

    def __init__(self, name: str, *, clock: Clock, client: Any = None) -> None:
        self.name = name
        self._clock = clock
        self._bucket = (client or open_client()).bucket(name)
        self._changed: dict[str, datetime] = {}
        self._is_there = False

    def stat(self, name: str) -> Entry | None:
        """Return the live generation; None when there surely is none."""
        blob = self._bucket.blob(name)
        found = self._found(name, lambda: blob.reload(**_ONCE) or True)
        return None if found is None else entry_of(blob)

    def read(self, name: str) -> tuple[bytes, Entry] | None:
        """Return content and the generation it belongs to; None when there surely is none."""
        blob = self._bucket.blob(name)
        content: bytes | None = self._found(name, lambda: blob.download_as_bytes(**_ONCE))
        return None if content is None else (content, entry_of(blob, size=len(content)))

    def download(self, entry: Entry) -> bytes | None:
        """Return the content of this very generation; None when it is the live one no more."""
        blob = self._bucket.blob(entry.name, generation=entry.generation)
        content: bytes | None = self._found(entry.name, lambda: blob.download_as_bytes(**_ONCE))
        return content

    def tail(self, name: str, limit: int) -> bytes | None:
        """Return at most the last `limit` bytes; None when there surely is no such object."""
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        blob = self._bucket.blob(name)
        try:
            content: bytes | None = self._found(
                name, lambda: blob.download_as_bytes(start=-limit, **_ONCE)
            )
        except RequestRangeNotSatisfiable:
            return b""  # an empty object has no last bytes
        return content

    def entries(self, prefix: str) -> tuple[Entry, ...]:
        """Return all objects whose names begin so, in the order of their names."""

        def listed() -> tuple[Entry, ...]:
            return tuple(entry_of(blob) for blob in self._bucket.list_blobs(prefix=prefix, **_ONCE))

        with self._in_bucket():
            return asked(listed, what=self._at(prefix), clock=self._clock)

    def write(self, name: str, content: bytes, *, replacing: int, token: str, writer: str) -> Entry:
        """Write if `replacing` is the live generation, 0 for none, and return the new one.

        `token` is of this write alone: a write whose reply was lost is known by it again.

        Raises:
            StoreConflict: somebody else wrote; the message names them.
        """
        from google.api_core.exceptions import PreconditionFailed

        blob = self._blob(name, {TOKEN: token, WRITER: writer})

        def upload() -> None:
            self._upload(blob, content, if_generation_match=replacing)

        try:
            with self._in_bucket():
                self._change(name, upload)
        except PreconditionFailed as cause:
            found = self.stat(name)
            if found is not None and found.metadata.get(TOKEN) == token:
                return found
            raise StoreConflict(
                f"{self._at(name)}: {who_wrote(found)} since this process read it.",
                hint="Make sure that only one mesosweep works on this sweep, then run it again.",
            ) from cause
        return entry_of(blob)

    def put(self, name: str, content: bytes) -> Entry:
        """Write whatever was there before, and return the new generation."""
        blob = self._blob(name, {})
        with self._in_bucket():
            self._change(name, lambda: self._upload(blob, content))
        return entry_of(blob)

    def move(self, entry: Entry, to: str) -> bool:
        """Give this very generation a name that is free; return False when it is not.

        Raises:
            StoreConflict: somebody else wrote to the old name meanwhile; nothing is lost.
        """
        from google.api_core.exceptions import NotFound, PreconditionFailed

        source = self._bucket.blob(entry.name)

        def copy() -> None:
            self._bucket.copy_blob(
                source,
                self._bucket,
                to,
                if_generation_match=0,
                if_source_generation_match=entry.generation,
                **_ONCE,
            )

        def remove() -> None:
            source.delete(if_generation_match=entry.generation, **_ONCE)

        try:
            self._change(to, copy)
        except (PreconditionFailed, NotFound):
            there = self.stat(to)
            if there is not None and not is_copy(there, of=entry):
                return False
            if there is None:
                raise self._moved_on(entry.name) from None
        try:
            self._change(entry.name, remove)
        except NotFound:
            pass  # by a first try whose reply was lost, or by somebody with the same intent
        except PreconditionFailed:
            raise self._moved_on(entry.name) from None
        return True

    def remove(self, name: str) -> None:
        """Remove an object; nothing happens when there is none."""
        from google.api_core.exceptions import NotFound

        blob = self._bucket.blob(name)
        with suppress(NotFound):
            self._change(name, lambda: blob.delete(**_ONCE))

    def _found(self, name: str, ask: Callable[[], T]) -> T | None:
        """Return the answer; None when the object, but not the bucket, is absent."""
        from google.api_core.exceptions import NotFound

        try:
            found = asked(ask, what=self._at(name), clock=self._clock)
        except NotFound:
            # The same status tells of a missing object and of a missing bucket.
            if not self._is_there:
                self.entries(name)
            return None
        self._is_there = True
        return found

    @contextmanager
    def _in_bucket(self) -> Iterator[None]:
        """Of calls for which nothing but a missing bucket can be missing."""
        from google.api_core.exceptions import NotFound

        try:
            yield
        except NotFound as cause:
            raise no_bucket(self.name) from cause
        self._is_there = True

    def _change(self, name: str, change: Callable[[], None]) -> None:
        asked(
            lambda: self._paced(name, change),
            what=self._at(name),
            clock=self._clock,
            hint="Whether it was written is not known. Run the same command again: it will look.",
        )

    def _paced(self, name: str, change: Callable[[], None]) -> None:
        last = self._changed.get(name)
        if last is not None:
            since_s = (self._clock.now() - last).total_seconds()
            if since_s < WRITE_INTERVAL_S:
                self._clock.sleep(WRITE_INTERVAL_S - max(since_s, 0.0))
        try:
            change()
        finally:
            # From its end on, and a failed one too: it may have been carried out.
            self._changed[name] = self._clock.now()

    def _blob(self, name: str, metadata: Mapping[str, str]) -> Any:
        blob = self._bucket.blob(name)
        if metadata:
            blob.metadata = dict(metadata)
        return blob

    def _upload(self, blob: Any, content: bytes, **conditions: int) -> None:
        kind = "application/json" if blob.name.endswith(".json") else "application/octet-stream"
        blob.upload_from_string(content, content_type=kind, **conditions, **_ONCE)

    def _moved_on(self, name: str) -> StoreConflict:
        return StoreConflict(
            f"{self._at(name)}: {who_wrote(self.stat(name))} while it was being set aside.",
            hint="Make sure that only one mesosweep works on this sweep, then run it again.",
        )

    def _at(self, name: str) -> str:
        return f"gs://{self.name}/{name}"
