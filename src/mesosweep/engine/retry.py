"""How often, and after how long, what did not answer is asked again: a backend, or a store."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from mesosweep.domain.errors import (
    BackendError,
    MesosweepError,
    QuotaExhausted,
    StoreUnreachable,
    Transient,
)
from mesosweep.domain.events import RetryScheduled
from mesosweep.ports import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """Waits before the second, third, … try; the page's 60, 180 and 300 s."""

    delays_s: tuple[float, ...] = (60.0, 180.0, 300.0)

    def hurried(self, times: float) -> Retry:
        """Return the same with waits so many times shorter, as a rehearsal has them."""
        return Retry(tuple(delay / times for delay in self.delays_s))


def asked(
    ask: Callable[[], T], *, stage: int, retry: Retry, clock: Clock
) -> Generator[tuple[RetryScheduled], None, T]:
    """Ask until there is an answer, which is what `yield from` returns.

    Yields one `RetryScheduled` before each wait, so that the user sees why nothing happens.

    Raises:
        BackendError: not transient, or transient once more after the last delay; then
            the hint says that the same command goes on.
        StoreUnreachable: the store did not answer after the last delay either; likewise.
    """
    for delay_s in (*retry.delays_s, None):
        try:
            return ask()
        except (Transient, StoreUnreachable) as error:
            if delay_s is None:
                raise _given_up(error, tries=len(retry.delays_s) + 1) from error
            nothing_begun = isinstance(error, QuotaExhausted)
            yield (RetryScheduled(stage, str(error), delay_s, nothing_begun),)
            clock.sleep(delay_s)
    raise AssertionError("the last try returns or raises")


def flat(tries: Generator[tuple[RetryScheduled], None, T]) -> Generator[RetryScheduled, None, T]:
    """Yield what `asked` tells one by one, and return its answer."""
    while True:
        try:
            facts = next(tries)
        except StopIteration as answer:
            found: T = answer.value
            return found
        yield from facts


def _given_up(error: MesosweepError, *, tries: int) -> MesosweepError:
    said = f"{str(error).rstrip('.')} (tried {tries} times)"
    if isinstance(error, StoreUnreachable):
        return StoreUnreachable(
            f"{said}.",
            hint="What was saved last is whole, and what came after it is found again. "
            "Run the same command later to go on.",
        )
    told = "Progress is saved. Run the same command again to go on."
    return BackendError(said, hint=f"{error.hint} {told}" if error.hint else told)
