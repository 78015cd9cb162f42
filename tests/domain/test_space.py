from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.space import (
    Categorical,
    Discrete,
    Double,
    Integer,
    Parameter,
    SearchSpace,
    parameter_of,
)
from mesosweep.domain.study import told

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-300, max_value=1e300)
whole = st.integers(-(10**14), 10**14)


def ends(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    pairs = st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1])
    return pairs.map(lambda pair: (min(pair), max(pair)))


doubles = st.one_of(
    ends(finite).map(lambda e: Double(*e)), ends(positive).map(lambda e: Double(*e, "log"))
)
integers = st.one_of(
    ends(whole).map(lambda e: Integer(*e)),
    ends(st.integers(1, 10**12)).map(lambda e: Integer(*e, "log")),
)
discretes = st.lists(st.one_of(finite, whole), min_size=1, max_size=6, unique=True).map(
    lambda values: Discrete(tuple(values))
)
words = st.text(st.characters(codec="utf-8"), max_size=8)
categoricals = st.lists(words, min_size=1, max_size=6, unique=True).map(
    lambda values: Categorical(tuple(values))
)
parameters = st.one_of(doubles, integers, discretes, categoricals)
spaces = st.dictionaries(words, parameters, max_size=5).map(SearchSpace)
units = st.floats(0, 1)


@given(parameter=parameters, unit=units)
def test_every_unit_gives_a_value_inside(parameter: Parameter, unit: float) -> None:
    assert parameter.contains(parameter.at(unit))


@given(parameter=parameters, unit=units)
def test_a_value_that_was_told_is_read_back(parameter: Parameter, unit: float) -> None:
    value = parameter.at(unit)
    back = parameter.parse(told(value))

    assert (back, type(back)) == (value, type(value))


@given(parameter=parameters)
def test_corners_lie_inside_and_are_read_back(parameter: Parameter) -> None:
    for corner in parameter.corners():
        assert parameter.contains(corner)
        assert parameter.parse(told(corner)) == corner


@given(parameter=st.one_of(doubles, integers), low=units, high=units)
def test_a_larger_unit_never_gives_a_smaller_value(
    parameter: Double | Integer, low: float, high: float
) -> None:
    low, high = min(low, high), max(low, high)
    # The last bits of exp(log(x)) are not monotone.
    slack = 1e-12 * abs(parameter.at(high))

    assert parameter.at(low) <= parameter.at(high) + slack


@given(parameter=parameters)
def test_the_ends_of_the_unit_interval_reach_the_ends_of_the_space(parameter: Parameter) -> None:
    corners = parameter.corners()
    reached = (parameter.at(0.0), parameter.at(1.0))

    if isinstance(parameter, Double | Integer):
        low, high = float(parameter.low), float(parameter.high)
        assert [float(value) for value in reached] == [pytest.approx(low), pytest.approx(high)]
    else:
        assert reached == (corners[0], corners[-1])


@given(values=st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=6, unique=True))
def test_a_service_may_write_whole_numbers_as_floats(values: list[int]) -> None:
    parameter = Discrete(tuple(values))

    for value in values:
        back = parameter.parse(repr(float(value)))
        assert (back, type(back)) == (value, int)


@given(parameter=parameters)
def test_a_parameter_survives_json(parameter: Parameter) -> None:
    assert parameter_of(json.loads(json.dumps(parameter.entry()))) == parameter


@given(space=spaces)
def test_a_space_survives_json_and_travels_between_processes(space: SearchSpace) -> None:
    assert SearchSpace.of(json.loads(json.dumps(space.entries()))) == space
    assert pickle.loads(pickle.dumps(space)) == space
    assert list(pickle.loads(pickle.dumps(space))) == list(space)


@given(space=spaces)
def test_equal_spaces_have_equal_hashes_whatever_their_order(space: SearchSpace) -> None:
    turned = SearchSpace(dict(list(space.items())[::-1]))

    assert turned == space
    assert hash(turned) == hash(space)


@given(space=spaces)
def test_the_corners_of_a_space_are_points_that_hold_every_extreme(space: SearchSpace) -> None:
    points = space.corners()

    assert all(space.problems(point) == () for point in points)
    for name, parameter in space.items():
        assert {point[name] for point in points} == set(parameter.corners())


def test_what_is_no_point_is_said() -> None:
    space = SearchSpace({"a": Double(0, 1), "b": Integer(1, 3)})

    assert space.problems({"a": 2.0, "c": 1}) == (
        "b: missing",
        "c: not in the space",
        "a: 2.0 is not allowed",
    )


def test_names_can_be_left_out() -> None:
    space = SearchSpace({"a": Double(0, 1), "b": Integer(1, 3)})

    assert list(space.without({"a"})) == ["b"]
    assert list(space) == ["a", "b"]


def test_each_whole_number_owns_an_equal_share() -> None:
    values = [Integer(1, 4).at((i + 0.5) / 400) for i in range(400)]

    assert [values.count(n) for n in (1, 2, 3, 4)] == [100] * 4


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (Double(0, 1), "1.1"),
        (Double(0, 1), "nan"),
        (Double(0, 1), "one"),
        (Integer(1, 9), "1.5"),
        (Integer(1, 9), "10"),
        (Integer(1, 9), "inf"),
        (Discrete((64, 128)), "96"),
        (Categorical(("small",)), "Small"),
    ],
)
def test_what_lies_outside_is_refused(parameter: Parameter, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parameter.parse(text)


def test_a_whole_number_is_not_rounded_on_its_way() -> None:
    assert Integer(0, 2**60).parse(str(2**53 + 1)) == 2**53 + 1


def test_a_last_bit_rounded_by_a_service_is_forgiven() -> None:
    assert Double(1e-5, 3e-4).parse("0.00030000000000000003") == 3e-4
    assert Discrete((0.1, 0.2)).parse("0.20000000000000001") == 0.2


@pytest.mark.parametrize("value", [True, "1", None])
def test_only_numbers_are_numbers(value: Any) -> None:
    for parameter in (Double(0, 2), Integer(0, 2), Discrete((1, 2))):
        assert not parameter.contains(value)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "double", "min": 1, "max": 1},
        {"type": "double", "min": 0, "max": 1, "scale": "log"},
        {"type": "double", "min": 0, "max": float("inf")},
        {"type": "double", "min": 0, "max": 1, "scale": "square"},
        {"type": "double", "min": 0, "max": 1, "step": 1},
        {"type": "integer", "min": 0},
        {"type": "discrete", "values": []},
        {"type": "discrete", "values": ["a"]},
        {"type": "discrete", "values": [1, 1.0]},
        {"type": "categorical", "values": [1]},
        {"type": "normal"},
        {},
    ],
)
def test_an_entry_that_cannot_be_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each says it in its own words
        parameter_of(entry)
