"""What a trial wrote on its machine's disk, carried to a mounted bucket where it outlives it.

A mounted bucket knows neither folders that are renamed nor files that grow: an object appears
whole when it is closed. So each file is copied beside its place and renamed, and a bundle that
replaces another is first completed in a waiting folder, as `records.bundle` reads it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from mesosweep.domain.errors import StoreError
from mesosweep.ports import Clock
from mesosweep.stores.gcs_bucket import WRITE_INTERVAL_S
from mesosweep.stores.gcs_order import in_order, is_manifest, is_pending, pending_name

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_OWN = frozenset({"lease"})
"""Files that mean something on the machine that wrote them only."""
_File: TypeAlias = tuple[int, int, int]


class Publisher:
    """Keeps `target`, a trial's folder in a mounted bucket, the same as `local`.

    Has one writer, and is told by it when everything is whole.
    """

    def __init__(self, local: Path, target: Path, *, clock: Clock) -> None:
        self.local = local
        self.target = target
        self._clock = clock
        self._published: dict[str, _File] = {}
        self._written: dict[str, datetime] = {}
        self._waiting: set[str] = set()

    def restore(self) -> bool:
        """Bring back what an earlier machine published; return whether there was anything.

        What that machine had no time to put in its place is put there first.

        Raises:
            StoreError: the bucket cannot be read or written, or this disk not be written.
        """
        try:
            for pending in {name.rpartition("/")[0] for name in _names(self.target)}:
                if is_pending(pending):
                    self._finish(pending)
            names = [name for name in _names(self.target) if not _is_hidden(name)]
            for name in in_order(names):
                _copy(self.target / name, self.local / name)
        except OSError as cause:
            raise _fault(self.target, "brought back", cause) from cause
        self._published = {name: _file(self.local / name) for name in names}
        return bool(names)

    def publish(self) -> None:
        """Carry over what changed, each file after those that it names.

        Raises:
            StoreError: it did not succeed now; what was published before still stands.
        """
        try:
            self._publish()
        except OSError as cause:
            raise _fault(self.target, "published", cause) from cause

    def publish_at_last(self) -> None:
        """Carry over what changed, and try again for about a minute: nobody will come after.

        Raises:
            StoreError: as `publish` does.
        """
        for pause_s in PAUSES_S:
            try:
                return self.publish()
            except StoreError:
                self._clock.sleep(pause_s)
        return self.publish()

    def _publish(self) -> None:
        for pending in tuple(self._waiting):  # an earlier try was cut short
            self._finish(pending)
        here = {name: _file(self.local / name) for name in _names(self.local)}
        here = {name: file for name, file in here.items() if not _is_hidden(name)}
        changed = [name for name, file in here.items() if self._published.get(name) != file]
        for manifest in [name for name in changed if is_manifest(name)]:
            if _is_bundle(manifest) and (self.target / manifest).exists():
                self._complete_aside(manifest, here)
        for name in in_order(changed):
            self._write(name, name)
            self._published[name] = here[name]
        for pending in tuple(self._waiting):
            self._drop(pending)
        # What names others goes first: without it, they are nothing.
        for name in reversed(in_order(set(self._published) - set(here))):
            (self.target / name).unlink(missing_ok=True)
            del self._published[name]
            _drop_empty((self.target / name).parent, self.target)

    def _finish(self, pending: str) -> None:
        """Put a waiting version in its place if it is whole, and let go of it."""
        names = in_order(_names(self.target / pending))
        # The manifest is written last and removed first: with it, the version is whole.
        if any(is_manifest(name) for name in names):
            for name in names:
                _copy(self.target / pending / name, (self.target / pending).with_name(name))
        self._drop(pending)

    def _complete_aside(self, manifest: str, here: dict[str, _File]) -> None:
        """Have the next version of a bundle whole in its waiting folder, before the old one goes."""
        pending, folder = _pending(manifest), manifest.rpartition("/")[0]
        start = manifest.removesuffix("manifest.json")
        self._waiting.add(pending)
        for name in in_order(name for name in here if name.startswith(start)):
            self._write(name, f"{pending}/{name.removeprefix(folder).lstrip('/')}")

    def _drop(self, pending: str) -> None:
        for name in reversed(in_order(_names(self.target / pending))):
            (self.target / pending / name).unlink(missing_ok=True)
        _drop_empty(self.target / pending, self.target)
        self._waiting.discard(pending)

    def _write(self, source: str, target: str) -> None:
        last = self._written.get(target)
        since_s = (self._clock.now() - last).total_seconds() if last else WRITE_INTERVAL_S
        if since_s < WRITE_INTERVAL_S:
            self._clock.sleep(WRITE_INTERVAL_S - max(since_s, 0.0))
        _copy(self.local / source, self.target / target)
        self._written[target] = self._clock.now()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.aside")
    try:
        shutil.copyfile(source, aside)
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _names(folder: Path) -> list[str]:
    return [
        (Path(below) / file).relative_to(folder).as_posix()
        for below, _, files in os.walk(folder)
        for file in files
    ]


def _is_hidden(name: str) -> bool:
    return name in _OWN or any(part.startswith(".") for part in name.split("/"))


def _is_bundle(name: str) -> bool:
    # `manifest.json` alone is a periodic checkpoint's, whose folder is never written again.
    return is_manifest(name) and name.rpartition("/")[2] != "manifest.json"


def _pending(manifest: str) -> str:
    folder, slash, name = manifest.rpartition("/")
    return f"{folder}{slash}{pending_name(name.removesuffix('.manifest.json'))}"


def _drop_empty(folder: Path, top: Path) -> None:
    with suppress(OSError):  # it is not empty, or never was a folder of its own
        while folder != top:
            folder.rmdir()
            folder = folder.parent


def _file(path: Path) -> _File:
    told = path.stat()
    return told.st_ino, told.st_size, told.st_mtime_ns


def _fault(target: Path, done: str, cause: OSError) -> StoreError:
    return StoreError(
        f"{target}: the trial's files cannot be {done}: {cause.strerror or cause}.",
        hint="Is the bucket mounted there, and may it be written?",
    )
