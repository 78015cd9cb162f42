"""One supervisor per sweep: a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mesosweep.domain.errors import StoreError, SweepLocked

PATIENCE_S = 1.0
_LOOK_S = 0.02


@contextmanager
def acquire_lock(root: Path, *, now: datetime, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold the lock of the sweep in `root` while the block runs.

    The kernel drops it when the process ends, however it ends; a stale file means
    nothing. Workers do not inherit it: Python opens files close-on-exec, and the
    server that forks workers is started by exec.

    Raises:
        SweepLocked: another process holds it, and still does after `patience_s`; the
            message names it.
        StoreError: the folder cannot be written.
    """
    path = root / ".lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as cause:
        raise StoreError(
            f"{path}: cannot be written: {cause.strerror or cause}.",
            hint="Choose a folder of your own with --output-dir.",
        ) from cause
    try:
        if not _taken(handle, patience_s):
            raise SweepLocked(
                f"Another mesosweep ({_holder(handle)}) is running this sweep in {root}.",
                hint="Watch it with `mesosweep status`, or choose another --output-dir.",
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()}, since {now:%Y-%m-%d %H:%M:%S}".encode(), 0)
        yield
    finally:
        # Closing releases. The file stays: unlinking it would let two holders in.
        os.close(handle)


def _taken(handle: int, patience_s: float) -> bool:
    # A process that a killed holder was just starting shares its lock until it has replaced
    # itself by another program. That is over in a moment, a holder at work is not.
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        else:
            return True


def _holder(handle: int) -> str:
    return os.pread(handle, 200, 0).decode(errors="replace") or "just started"
