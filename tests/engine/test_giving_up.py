"""What is said when the last try was in vain."""

from __future__ import annotations

import pytest

from mesosweep.domain.errors import BackendError, QuotaExhausted, Transient
from mesosweep.engine.retry import Retry, asked, flat
from mesosweep.testing.clock import FakeClock


def given_up(error: Transient) -> BackendError:
    def ask() -> None:
        raise error

    with pytest.raises(BackendError, match="tried 4 times") as caught:
        list(flat(asked(ask, stage=1, retry=Retry(), clock=FakeClock())))
    return caught.value


def test_what_to_do_comes_first_and_then_that_the_same_command_goes_on() -> None:
    error = QuotaExhausted("no quota", hint="Fewer --parallel ask for less.")

    assert given_up(error).hint == (
        "Fewer --parallel ask for less. Progress is saved. Run the same command again to go on."
    )


def test_where_nothing_can_be_done_but_to_wait_only_that_is_said() -> None:
    assert given_up(Transient("503")).hint == (
        "Progress is saved. Run the same command again to go on."
    )
