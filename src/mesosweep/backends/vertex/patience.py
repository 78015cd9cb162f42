"""What does not answer is asked again, and a bucket is waited for as the service is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mesosweep.domain.errors import StoreUnreachable, Transient
from mesosweep.engine.retry import Retry, asked
from mesosweep.ports import Clock

T = TypeVar("T")


def patiently(ask: Callable[[], T], *, retry: Retry, clock: Clock) -> T:
    """Return the answer; asks again what is `Transient`, as the engine does but without a word."""
    tries = asked(ask, stage=0, retry=retry, clock=clock)
    while True:
        try:
            next(tries)
        except StopIteration as answer:
            found: T = answer.value
            return found


@contextmanager
def passing() -> Iterator[None]:
    """Let the engine wait for a bucket that does not answer, as it waits for the service."""
    try:
        yield
    except StoreUnreachable as cause:
        raise Transient(str(cause)) from cause
