"""A tracker that breaks takes nothing with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from mesosweep.domain.errors import PluginNotFound
from mesosweep.domain.score import Score
from mesosweep.domain.trial import Evaluation
from mesosweep.plugins import Registry
from mesosweep.worker.tracking import tracking

EVALUATION = Evaluation(10, Score(1, 1.0, 0.0, 1.0, 1.0))
heard: list[object] = []


@contextmanager
def listener(order: Mapping[str, Any]) -> Iterator[Callable[[Evaluation], None]]:
    heard.append(order["trial_id"])
    yield heard.append
    heard.append("closed")


@contextmanager
def breaker(order: Mapping[str, Any]) -> Iterator[Callable[[Evaluation], None]]:
    def fail(evaluation: Evaluation) -> None:
        heard.append("broke")
        raise ConnectionError("no network")

    yield fail


def registry() -> Registry:
    """Return a registry with both of them; importlib mode lends a test module no stable name."""
    return _Given({"listener": listener, "breaker": breaker})


class _Given(Registry):
    def __init__(self, trackers: Mapping[str, Any]) -> None:
        super().__init__([EntryPoint(name, "none:none", "mesosweep.trackers") for name in trackers])
        self._trackers = trackers

    def get(self, kind: Any, name: str) -> Any:
        return self._trackers[name] if name in self._trackers else super().get(kind, name)


@pytest.fixture(autouse=True)
def _silence() -> None:
    heard.clear()


def test_a_tracker_hears_every_evaluation_and_is_closed() -> None:
    with tracking(["listener"], {"trial_id": "7"}, registry=registry()) as track:
        track(EVALUATION)

    assert heard == ["7", EVALUATION, "closed"]


def test_a_broken_tracker_is_let_go(capsys: pytest.CaptureFixture[str]) -> None:
    with tracking(["breaker", "listener"], {"trial_id": "7"}, registry=registry()) as track:
        track(EVALUATION)
        track(EVALUATION)

    assert heard == ["7", "broke", EVALUATION, EVALUATION, "closed"]
    assert "no network" in capsys.readouterr().err


def test_an_unknown_tracker_is_refused_before_anything_happens() -> None:
    with (
        pytest.raises(PluginNotFound),
        tracking(["wadnb"], {"trial_id": "7"}, registry=registry()),
    ):
        raise AssertionError("it was opened")
