"""Files that are either the old ones or the new ones, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import StoreError

_REASONS: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "Free some space, then run the same command again."),
    errno.EDQUOT: (
        "the disk quota is used up",
        "Free some space, then run the same command again.",
    ),
    errno.EROFS: ("the file system is read-only", "Pass another --output-dir."),
    errno.EACCES: ("permission denied", "Make the folder writable, or pass another --output-dir."),
    errno.EPERM: ("permission denied", "Make the folder writable, or pass another --output-dir."),
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says about writing `path` into a StoreError."""
    try:
        yield
    except OSError as cause:
        reason, hint = _REASONS.get(cause.errno or 0, (cause.strerror or str(cause), None))
        raise StoreError(f"{path}: cannot be written: {reason}.", hint=hint) from cause


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step; its folder is made when missing.

    Raises:
        StoreError: the disk is full or read-only, or writing is not allowed.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(aside).chmod(0o666 & ~_umask())
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one step; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step. Numbers that are not finite are written as null."""
    write_text(path, json.dumps(without_nonfinite(value), indent=2, allow_nan=False) + "\n")


def without_nonfinite(value: Any) -> Any:
    """Return a JSON-able value with None for every number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): without_nonfinite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nonfinite(inner) for inner in value]
    return value


def place(source: Path, target: Path) -> None:
    """Replace `target` by the content of `source`, which was synced already, in one step.

    By a second name where the file system has such things, else by a synced copy:
    mounts of buckets know no more.
    """
    with writing(target):
        aside = target.with_name(f".{target.name}.{os.getpid()}")
        aside.unlink(missing_ok=True)
        try:
            _link_or_copy(source, aside)
            aside.chmod(0o666 & ~_umask())
            aside.replace(target)
        finally:
            # Renaming a file to another of its own names does nothing, and so leaves this one.
            aside.unlink(missing_ok=True)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # if the disk itself is the trouble, the copy will say so
        with source.open("rb") as content, target.open("wb") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Have the content of a file on the disk before anything that refers to it."""
    with writing(path), path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk, where the system can do that."""
    # Network and bucket mounts refuse to sync folders, and then know no better.
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
