"""State in a bucket, replaced only by whoever knows the latest, with a copy of it here."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from mesosweep.domain.errors import StateDamaged, StoreUnreachable
from mesosweep.domain.state import SweepState
from mesosweep.ports import Clock
from mesosweep.stores import state_json
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_bucket import Bucket
from mesosweep.stores.gcs_client import open_client
from mesosweep.stores.gcs_copy import LocalCopy as LocalCopy
from mesosweep.stores.gcs_entry import TOKEN
from mesosweep.stores.places import portable, with_places
from mesosweep.stores.writer import this_process


class GcsStore:
    """States of sweeps as `<root>/_sweep_state.json`, and `…_stage<N>.json` for a `launch`.

    A version is the object's generation. A save that Cloud Storage refuses because it was made
    already, by a first try whose reply was lost, is known again by a token and is no conflict;
    so is one that was given up, and is tried again after a while.
    """

    def __init__(
        self,
        root: Address,
        *,
        bucket: Bucket,
        copy: LocalCopy | None = None,
        writer: str | None = None,
        new_token: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self.root = root
        self._bucket = bucket
        self._copy = copy
        self._writer = writer or this_process()
        self._new_token = new_token
        self._unsure: dict[str, set[str]] = {}
        """Object → tokens of writes of which it is not known whether they were made.

        All since the last that surely was: of several that were given up, any may have been.
        """

    @classmethod
    def open(
        cls, root: str, *, clock: Clock, copy: LocalCopy | None = None, project: str | None = None
    ) -> GcsStore:
        """Open the store of the sweep in `gs://BUCKET/sweeps/<species>/<algorithm>`.

        Raises:
            SettingsError: `root` is no place in a bucket.
            ExtraMissing: google-cloud-storage is not installed.
            Refused: there are no credentials.
        """
        place = Address.parse(root)
        bucket = Bucket(place.bucket, clock=clock, client=open_client(project))
        return cls(place, bucket=bucket, copy=copy)

    def load(self, sweep_key: str) -> tuple[SweepState, str] | None:
        """Return state and version; None when there surely is none.

        Raises:
            StoreUnreachable: Cloud Storage did not answer; there may be one.
            Refused: it will not answer: no such bucket, no permission, no credentials.
            StateDamaged: the object is there and is not a whole state.
        """
        place = self._place(sweep_key)
        found = self._bucket.read(place.name)
        if found is None:
            return None
        content, entry = found
        try:
            state = state_json.read(content.decode())
        except ValueError as cause:  # JSON and UTF-8 faults are ValueErrors too
            raise StateDamaged(
                f"{place.uri}: the saved state cannot be believed: {cause}.",
                hint="Restore the object, or start a new attempt beside it: --no-resume",
            ) from cause
        return with_places(state, self._located), str(entry.generation)

    def save(self, sweep_key: str, state: SweepState, *, replacing: str | None) -> str:
        """Replace version `replacing` in the bucket, then the copy here; return the new version.

        Raises:
            StoreConflict: it is not the latest; the message names who wrote that.
            StoreUnreachable: Cloud Storage did not answer; what was saved is not known.
            Refused: it will not take it.
        """
        place = self._place(sweep_key)
        # Told from the sweep's own place, so that it can be copied to another bucket.
        content = state_json.written(portable(state, Path(self.root.uri))).encode()
        latest, token = self._latest(place.name, int(replacing or 0)), self._new_token()
        try:
            entry = self._bucket.write(
                place.name, content, replacing=latest, token=token, writer=self._writer
            )
        except StoreUnreachable:
            self._unsure.setdefault(place.name, set()).add(token)
            raise
        self._unsure.pop(place.name, None)
        if self._copy is not None:
            if replacing is None:
                self._make_room(self._copy, sweep_key)
            self._copy.write(sweep_key, state, safe_in=place.uri)
        return str(entry.generation)

    def set_aside(self, sweep_key: str) -> None:
        """Rename the object to the first free `….<n>.json`, and the copy here likewise."""
        place = self._place(sweep_key)
        entry = self._bucket.stat(place.name)
        number = 1
        while entry is not None:
            aside = place.name.removesuffix(".json") + f".{number}.json"
            if self._bucket.move(entry, aside):
                break
            number += 1
        if self._copy is not None:
            self._copy.set_aside(sweep_key)

    def _latest(self, name: str, known: int) -> int:
        """Return the generation to replace: our own, where a write that was given up was made."""
        tokens = self._unsure.get(name)
        if tokens is None:
            return known
        found = self._bucket.stat(name)
        is_ours = found is not None and found.metadata.get(TOKEN) in tokens
        return found.generation if found is not None and is_ours else known

    def _make_room(self, copy: LocalCopy, sweep_key: str) -> None:
        """Keep a copy of what the bucket has no more: whoever took it away there may miss it."""
        aside = copy.set_aside(sweep_key)
        if aside is not None:
            copy.warn(
                f"{self.root.uri} held no state of this sweep, so it begins anew. The copy of one "
                f"that was here is kept as {aside}; had it been removed there by mistake: "
                f"gcloud storage cp {aside} {self._place(sweep_key).uri}"
            )

    def _place(self, sweep_key: str) -> Address:
        # Its folder says whose it is, `…/<species>/<algorithm>`.
        whose = "_".join(self.root.name.split("/")[-2:])
        return self.root / f"_{sweep_key.replace(f'_{whose}', '', 1)}.json"

    def _located(self, uri: str) -> str:
        return uri if "://" in uri or uri.startswith("/") else (self.root / uri).uri


def check_access(bucket: Bucket) -> None:
    """Write and remove a small object, as a sweep will.

    Raises:
        Refused: there is no such bucket, or it may not be written.
        StoreUnreachable: it did not answer.
    """
    name = f".mesosweep-check-{uuid.uuid4().hex}"
    bucket.put(name, b"")
    bucket.remove(name)
