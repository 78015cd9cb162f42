"""What is said of a search follows from its runs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def search(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("search")


@pytest.mark.parametrize(
    ("shares", "level", "after"),
    [
        ([0.5, 0.4, 0.1, 0.1], 0.1, 3),
        ([0.1, 0.1, 0.1, 0.1], 0.1, 1),
        # Held once and left again: what counts is that it stays.
        ([0.1, 0.4, 0.4, 0.1], 0.1, 4),
        ([0.1, 0.1, 0.1, 0.4], 0.1, 5),
    ],
)
def test_a_search_is_there_once_it_stays(
    search: ModuleType, shares: list[float], level: float, after: int
) -> None:
    assert search.settled([shares], level) == after


def test_the_median_over_runs_counts(search: ModuleType) -> None:
    assert search.settled([[0.9, 0.9], [0.9, 0.1], [0.1, 0.1]], 0.1) == 2


def test_a_search_that_never_gets_there_is_said_to_need_more(search: ModuleType) -> None:
    assert search.told(search.settled([[0.4] * search.MANY], 0.1)) == "over 64"
    assert search.told(36.5) == "36.5"
