"""State in a file of the sweep's own folder, replaced whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from mesosweep.domain.errors import StateDamaged, StoreConflict, StoreError, StoreUnreachable
from mesosweep.domain.state import SweepState
from mesosweep.stores import state_json
from mesosweep.stores.places import located, portable


class FileStore:
    """States of sweeps as `<root>/<sweep_key>.json`.

    A version is the digest of the file's content, so that any other writer shows. The
    file tells where checkpoints lie from its own folder, so a sweep can be moved.
    Only the holder of the sweep's lock saves, see `stores.lock`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self, sweep_key: str) -> tuple[SweepState, str] | None:
        """Return state and version; None when there is no file.

        Raises:
            StoreUnreachable: the file may be there, but cannot be read.
            StateDamaged: it is there and is not a whole state.
        """
        path = self._path(sweep_key)
        content = self._content(path)
        if content is None:
            return None
        try:
            state = state_json.read(content.decode())
        except ValueError as cause:  # JSON and UTF-8 faults are ValueErrors too
            raise StateDamaged(
                f"{path}: the saved state cannot be believed: {cause}.",
                hint="Restore the file from a backup, or start a new attempt beside it: --no-resume",
            ) from cause
        return located(state, self.root), _version(content)

    def save(self, sweep_key: str, state: SweepState, *, replacing: str | None) -> str:
        """Replace version `replacing` and return the new one.

        Raises:
            StoreConflict: the file is not the one that was loaded or saved last.
            StoreError: the folder is read-only, or the disk is full.
        """
        path = self._path(sweep_key)
        try:
            found = self._content(path)
        except StoreUnreachable as cause:
            # A disk answers or does not: unlike a bucket, nobody waits for it.
            raise StoreError(str(cause), hint="Mend the folder's permissions.") from cause
        if (None if found is None else _version(found)) != replacing:
            raise StoreConflict(
                f"{path}: somebody else changed the saved state since this sweep read it.",
                hint="Make sure that only one mesosweep works on this folder, then run it again.",
            )
        content = state_json.written(portable(state, self.root)).encode()
        try:
            _replace(path, content)
        except OSError as cause:
            raise _cannot_write(path, cause) from cause
        return _version(content)

    def set_aside(self, sweep_key: str) -> None:
        """Rename the file to the first free `<sweep_key>.<n>.json`."""
        self.moved_aside(sweep_key)

    def moved_aside(self, sweep_key: str) -> Path | None:
        """Set the file aside, and return what it is called now; None when there is none."""
        path = self._path(sweep_key)
        number = 1
        while (aside := path.with_name(f"{sweep_key}.{number}.json")).exists():
            number += 1
        try:
            return path.rename(aside)
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise _cannot_write(path, cause) from cause

    def _path(self, sweep_key: str) -> Path:
        return self.root / f"{sweep_key}.json"

    @staticmethod
    def _content(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise StoreUnreachable(
                f"{path}: the saved state cannot be read: {cause.strerror or cause}.",
                hint="Whether there is one is not known, so nothing was started.",
            ) from cause


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _replace(path: Path, content: bytes) -> None:
    """Put content in the place of a file so that a crash leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp hides its files; a state is as readable as any other file of the folder.
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _cannot_write(path: Path, cause: OSError) -> StoreError:
    return StoreError(
        f"{path}: cannot be written: {cause.strerror or cause}.",
        hint="Free some space or mend the folder's permissions; the last saved state is whole.",
    )
