"""A backend's factory is given what it names, and no more is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mesosweep.cli.site import plain_offers
from mesosweep.domain.errors import PluginError
from mesosweep.plugins import Registry
from mesosweep.ports.opening import OFFERED, opened
from mesosweep.testing.plans import a_plan


def offer(value: object) -> Callable[[], object]:
    return lambda: value


def refuse() -> object:
    raise AssertionError("nobody asked for it")


def test_it_is_given_what_it_names() -> None:
    def factory(*, plan: str, clock: str = "its own") -> Any:
        return (plan, clock)

    offers = {"plan": offer("a plan"), "clock": offer("a clock"), "bucket": refuse}

    whole: object = opened(factory, offers, name="x")
    less: object = opened(factory, {"plan": offer("p")}, name="x")

    assert whole == ("a plan", "a clock")
    assert less == ("p", "its own")


def test_what_is_not_offered_is_named_with_what_is() -> None:
    def factory(*, plann: str) -> Any:
        return plann

    with pytest.raises(PluginError, match="asks for 'plann'") as caught:
        opened(factory, {"plan": offer("a plan")}, name="x")

    assert "Did you mean 'plan'?" in (caught.value.hint or "")


def test_everything_that_is_offered_is_described() -> None:
    assert set(plain_offers(a_plan(), Registry())) == set(OFFERED)
