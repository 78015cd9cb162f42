"""A worker's own words, on its console and in a file that outlives its machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from mesosweep.records.files import writing


@contextmanager
def logged(path: Path, *, first: str) -> Iterator[TextIO]:
    """Append what is written to standard output and error to a file, too; `first` goes there only.

    Yields the file, for what else is to go there only.

    Raises:
        StoreError: the file cannot be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("a", encoding="utf-8", buffering=1)
    before = sys.stdout, sys.stderr
    with log:
        log.write(f"{first}\n")
        sys.stdout, sys.stderr = (cast("TextIO", _Tee(stream, log)) for stream in before)
        try:
            yield log
        finally:
            sys.stdout, sys.stderr = before


class _Tee:
    """A stream that is written to a log as well; all else is the stream's own affair."""

    def __init__(self, stream: TextIO, log: TextIO) -> None:
        self._stream = stream
        self._log = log

    def write(self, text: str) -> int:
        # A full disk must not keep the console from telling it.
        with suppress(OSError, ValueError):
            self._log.write(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:  # whatever a stream may have
        return getattr(self._stream, name)
