"""Objects by their `gs://` address, whatever bucket they lie in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mesosweep.ports import Clock
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_bucket import Bucket
from mesosweep.stores.gcs_client import open_client


class Objects:
    """What a backend needs of buckets: read, replace, list.

    All methods raise `StoreUnreachable` when there was no answer, `Refused` when there will be
    none, and SettingsError for an address that is none.
    """

    def __init__(self, *, clock: Clock, project: str | None = None, client: Any = None) -> None:
        self._clock = clock
        self._client = client or open_client(project)
        self._buckets: dict[str, Bucket] = {}

    def bucket(self, name: str) -> Bucket:
        """Return a bucket, always the same: it remembers when its objects were changed last."""
        if name not in self._buckets:
            self._buckets[name] = Bucket(name, clock=self._clock, client=self._client)
        return self._buckets[name]

    def read(self, uri: str, *, tail: int | None = None) -> bytes | None:
        """Return an object, or its last `tail` bytes; None only when there surely is none."""
        place = Address.parse(uri)
        bucket = self.bucket(place.bucket)
        if tail is not None:
            return bucket.tail(place.name, tail)
        found = bucket.read(place.name)
        return None if found is None else found[0]

    def seen(self, uri: str) -> tuple[bytes, str] | None:
        """Return an object and its version; None only when there surely is none."""
        place = Address.parse(uri)
        found = self.bucket(place.bucket).read(place.name)
        return None if found is None else (found[0], str(found[1].generation))

    def replace(
        self, uri: str, content: bytes, *, version: str | None, token: str, writer: str
    ) -> str:
        """Write if `version` is the latest, None for nothing, and return the new version.

        A write whose reply was lost is known again by its token.

        Raises:
            StoreConflict: it is not the latest; the message names who wrote that.
        """
        place = Address.parse(uri)
        entry = self.bucket(place.bucket).write(
            place.name, content, replacing=int(version or 0), token=token, writer=writer
        )
        return str(entry.generation)

    def write(self, uri: str, content: bytes) -> None:
        """Replace an object in one step."""
        place = Address.parse(uri)
        self.bucket(place.bucket).put(place.name, content)

    def names(self, prefix: str) -> Collection[str]:
        """Return the addresses of all objects that begin with `prefix`."""
        place = Address.parse(prefix)
        # A last slash matters here: what follows `stage1/` is not what follows `stage1`.
        begins = f"{place.name}/" if prefix.endswith("/") and place.name else place.name
        entries = self.bucket(place.bucket).entries(begins)
        return [Address(place.bucket, entry.name).uri for entry in entries]
