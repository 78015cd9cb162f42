"""State in a bucket, replaced only by whoever knows the latest, with a copy of it here."""

from __future__ import annotations

import os
import socket
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.errors import StateDamaged, StoreError
from mesosweep.domain.state import SweepState
from mesosweep.ports import Clock
from mesosweep.stores import state_json
from mesosweep.stores.file import FileStore
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_bucket import Bucket
from mesosweep.stores.gcs_client import open_client
from mesosweep.stores.places import _with_places, portable


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """Where the state is kept a second time, for people and for when there is no network."""

    folder: Path
    """`DIR/sweeps/<species>/<algorithm>`; checkpoints keep their addresses in the bucket."""
    warn: Callable[[str], None]
    """Told when the copy cannot be written, which stops nothing: the bucket is what counts."""


class GcsStore:
    """States of sweeps as `<root>/_sweep_state.json`, and `…_stage<N>.json` for a `launch`.

    A version is the object's generation. A save that Cloud Storage refuses because it was made
    already, by a first try whose reply was lost, is known again by a token and is no conflict.
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
        self._writer = writer or f"pid {os.getpid()} on {socket.gethostname()}"
        self._new_token = new_token

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
        return _with_places(state, self._located), str(entry.generation)

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
        entry = self._bucket.write(
            place.name,
            content,
            replacing=int(replacing or 0),
            token=self._new_token(),
            writer=self._writer,
        )
        if self._copy is not None:
            self._write_copy(self._copy, sweep_key, state)
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
            try:
                FileStore(self._copy.folder).set_aside(sweep_key)
            except StoreError as cause:
                self._copy.warn(str(cause))

    def _place(self, sweep_key: str) -> Address:
        # Its folder says whose it is, `…/<species>/<algorithm>`.
        whose = "_".join(self.root.name.split("/")[-2:])
        return self.root / f"_{sweep_key.replace(f'_{whose}', '', 1)}.json"

    def _located(self, uri: str) -> str:
        return uri if "://" in uri or uri.startswith("/") else (self.root / uri).uri

    def _write_copy(self, copy: LocalCopy, sweep_key: str, state: SweepState) -> None:
        path = copy.folder / f"{sweep_key}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(state_json.written(state))
                Path(aside).chmod(0o644)
                Path(aside).replace(path)
            except BaseException:
                Path(aside).unlink(missing_ok=True)
                raise
        except OSError as cause:
            copy.warn(
                f"{path}: the copy of the state cannot be written ({cause.strerror or cause}); "
                f"it is safe in {self._place(sweep_key).uri}."
            )


def check_access(bucket: Bucket) -> None:
    """Write and remove a small object, as a sweep will.

    Raises:
        Refused: there is no such bucket, or it may not be written.
        StoreUnreachable: it did not answer.
    """
    name = f".mesosweep-check-{uuid.uuid4().hex}"
    bucket.put(name, b"")
    bucket.remove(name)
