"""Ctrl-C and SIGTERM: once is a request, twice is an order."""

from __future__ import annotations

import signal

import pytest

from mesosweep.cli.interrupt import Stop
from mesosweep.domain.errors import Interrupted


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request(which: signal.Signals) -> None:
    said: list[str] = []

    with Stop(said.append) as stop:
        assert not stop()
        signal.raise_signal(which)
        assert stop()

    (sentence,) = said
    assert sentence.startswith("Stopping")


def test_the_second_signal_interrupts() -> None:
    with Stop(lambda _: None):
        signal.raise_signal(signal.SIGTERM)

        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_can_be_done_again_is_interrupted_by_the_first() -> None:
    with Stop(lambda _: None) as stop, pytest.raises(Interrupted), stop.at_once():
        signal.raise_signal(signal.SIGINT)


def test_what_can_be_done_again_is_not_begun_after_a_request() -> None:
    with Stop(lambda _: None) as stop:
        signal.raise_signal(signal.SIGINT)

        with pytest.raises(Interrupted), stop.at_once():
            pytest.fail("it was begun")


def test_the_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)]

    with Stop(lambda _: None):
        assert signal.getsignal(signal.SIGINT) is not before[0]

    assert [signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)] == before
