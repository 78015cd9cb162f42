"""Which values trials get."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mesosweep.domain.space import Categorical, Discrete, Double, Integer
from mesosweep.rehearsal.orders import Algorithm, Chosen, Searched
from mesosweep.rehearsal.searching import grid_problem, suggestions

RATE = Searched("rate", Double(1e-5, 1e-2, "log"))
SIZE = Searched("size", Discrete((64, 128, 256)))
DEPTH = Searched("depth", Integer(1, 3))
MOMENTUM = Searched("momentum", Double(0.0, 0.9))
KIND = Searched("kind", Categorical(("adam", "sgd")), under=((frozenset(["sgd"]), MOMENTUM),))
ALL = (RATE, SIZE, DEPTH, KIND)


def first(count: int, algorithm: Algorithm, *, seed: int = 1) -> list[Chosen]:
    return list(islice(suggestions(ALL, algorithm=algorithm, seed=seed), count))


@given(seed=some.integers(0, 1_000), algorithm=some.sampled_from(["default", "random"]))
def test_every_suggestion_is_a_point_of_the_space(seed: int, algorithm: Algorithm) -> None:
    for chosen in first(8, algorithm, seed=seed):
        assert RATE.values.contains(chosen["rate"])
        assert SIZE.values.contains(chosen["size"])
        assert DEPTH.values.contains(chosen["depth"])
        assert all(isinstance(chosen[name], float) for name in ("rate", "size", "depth"))
        assert ("momentum" in chosen) == (chosen["kind"] == "sgd")


@pytest.mark.parametrize("algorithm", ["default", "random"])
def test_the_same_seed_suggests_the_same(algorithm: Algorithm) -> None:
    assert first(6, algorithm) == first(6, algorithm)
    assert first(6, algorithm, seed=2) != first(6, algorithm)


def test_the_default_covers_every_choice_soon() -> None:
    chosen = first(6, "default")

    assert {point["size"] for point in chosen} == {64.0, 128.0, 256.0}
    assert {point["kind"] for point in chosen} == {"adam", "sgd"}


def test_a_grid_holds_every_combination_once_and_ends() -> None:
    parameters = (
        Searched("a", Integer(1, 2)),
        Searched(
            "b",
            Categorical(("x", "y")),
            under=((frozenset(["y"]), Searched("c", Discrete((5, 6)))),),
        ),
    )

    points = list(suggestions(parameters, algorithm="grid", seed=0))

    assert points == [
        {"a": 1.0, "b": "x"},
        {"a": 1.0, "b": "y", "c": 5.0},
        {"a": 1.0, "b": "y", "c": 6.0},
        {"a": 2.0, "b": "x"},
        {"a": 2.0, "b": "y", "c": 5.0},
        {"a": 2.0, "b": "y", "c": 6.0},
    ]


def test_a_double_has_no_grid_wherever_it_stands() -> None:
    assert grid_problem((SIZE, DEPTH)) is None
    assert "rate" in (grid_problem(ALL) or "")
    assert "momentum" in (grid_problem((KIND,)) or "")


def test_a_reversed_scale_crowds_at_the_top() -> None:
    backwards = Searched("rate", Double(1e-5, 1.0, "log"), reverse=True)
    values = [
        float(point["rate"])
        for point in islice(suggestions([backwards], algorithm="default", seed=1), 40)
    ]

    assert all(1e-5 <= value <= 1.0 for value in values)
    assert sum(value > 0.5 for value in values) > 30
