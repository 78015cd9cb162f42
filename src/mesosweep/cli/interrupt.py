"""Ctrl-C and SIGTERM: once is a request, twice is an order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from mesosweep.domain.errors import Interrupted

STOPPING = "Stopping: trials write a checkpoint first. Once more ends them at once."
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the user wants the sweep to end; usable as a context, in the main thread.

    The first signal sets it and says so, in the words of where trials run: here they write a
    checkpoint, which takes a few seconds. The second interrupts whatever is going on.
    """

    def __init__(self, say: Callable[[str], None], told: str = STOPPING) -> None:
        self._say = say
        self._told = told
        self._before: dict[signal.Signals, Any] = {}  # as `signal` gives it
        self._repeatable = False
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this block the first signal interrupts: what is done there can be done again.

        Raises:
            Interrupted: the signal came, before the block or in it.
        """
        self._repeatable = True
        try:
            if self.asked:
                raise Interrupted("Stopped.")
            yield
        finally:
            self._repeatable = False

    def _received(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._say(self._told)
        if self._repeatable:
            raise Interrupted("Stopped.")

    def __enter__(self) -> Stop:
        self._before = {which: signal.signal(which, self._received) for which in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)
