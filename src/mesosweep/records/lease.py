"""Who is writing a trial's folder: at most one process, and its death frees it."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mesosweep.domain.errors import StoreError, SweepLocked

PATIENCE_S = 6.0
"""A worker whose supervisor died ends within 5 s by itself; after this it is ended."""
_LOOK_S = 0.02


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the lease of a trial's folder, which is made if need be, while the block runs.

    Raises:
        SweepLocked: another process holds it.
        StoreError: the folder cannot be written.
    """
    handle = _open(folder)
    try:
        if not _taken(handle):
            raise SweepLocked(
                f"Another process ({_told(handle)}) is training this trial in {folder}.",
                hint="Wait for it to end, or give this trial another folder with --output-dir.",
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {_birth(os.getpid())}".encode(), 0)
        yield
    finally:
        os.close(handle)


def free(folder: Path, *, patience_s: float = PATIENCE_S) -> None:
    """Return once nobody holds the lease: wait for the holder, then end it.

    Raises:
        StoreError: the holder cannot be ended, or the folder cannot be written.
    """
    if not (folder / "lease").exists():
        return
    handle = _open(folder)
    try:
        deadline = time.monotonic() + patience_s
        while not _taken(handle):
            if time.monotonic() > deadline:
                _end_holder(handle, folder)
                deadline += patience_s
            time.sleep(_LOOK_S)
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / "lease", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as cause:
        raise StoreError(
            f"{folder}: cannot be written: {cause.strerror or cause}.",
            hint="Free some space or mend the folder's permissions.",
        ) from cause


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end_holder(handle: int, folder: Path) -> None:
    pid, _, birth = _told(handle).partition(" ")
    # A number may belong to somebody else by now; only the process that wrote it may be ended.
    if not pid.isdigit() or _birth(int(pid)) != birth or int(pid) == os.getpid():
        raise StoreError(
            f"{folder}: an unknown process holds this trial's folder ({pid or 'unnamed'}).",
            hint=f"End it, then run the same command again. Who it is: fuser {folder / 'lease'}",
        )
    with suppress(ProcessLookupError):
        os.kill(int(pid), signal.SIGKILL)


def _told(handle: int) -> str:
    return os.pread(handle, 200, 0).decode(errors="replace")


def _birth(pid: int) -> str:
    """Return when a process began, in the kernel's own words; empty where it does not tell."""
    try:
        # The second field is a name in brackets, which may hold anything; count from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19]
