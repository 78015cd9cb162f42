"""How often, and after how long, a backend that did not answer is asked again."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from mesosweep.domain.errors import BackendError, Transient
from mesosweep.domain.events import RetryScheduled
from mesosweep.ports import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """Waits before the second, third, … try; the page's 60, 180 and 300 s."""

    delays_s: tuple[float, ...] = (60.0, 180.0, 300.0)


def asked(
    ask: Callable[[], T], *, stage: int, retry: Retry, clock: Clock
) -> Generator[tuple[RetryScheduled], None, T]:
    """Ask until there is an answer, which is what `yield from` returns.

    Yields one `RetryScheduled` before each wait, so that the user sees why nothing happens.

    Raises:
        BackendError: not transient, or transient once more after the last delay; then
            the hint says that the same command goes on.
    """
    for delay_s in (*retry.delays_s, None):
        try:
            return ask()
        except Transient as error:
            if delay_s is None:
                raise BackendError(
                    f"{error} (tried {len(retry.delays_s) + 1} times)",
                    hint="Progress is saved. Run the same command again to go on.",
                ) from error
            yield (RetryScheduled(stage, str(error), delay_s),)
            clock.sleep(delay_s)
    raise AssertionError("the last try returns or raises")
