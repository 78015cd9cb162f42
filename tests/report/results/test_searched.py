"""Which parameters a study searched, and on what kind of axis they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.report.results.rows import Cell, Row
from mesosweep.report.results.searched import Axis, axes


def rows(*values: Cell, searched: bool = True) -> list[Row]:
    return [
        Row(
            folder=Path(str(number)),
            species="moa",
            algorithm="ppo",
            stage=1,
            attempt=0,
            trial_id=str(number),
            status="finished",
            parameters={"x": value, "env_fixed": 1.0},
            searched=("x",) if searched else (),
        )
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "axis"),
    [
        ((0.98, 0.991, 0.985), Axis("x", "linear")),
        ((1e-5, 3e-4, 1e-4), Axis("x", "log")),
        ((0.0, 3e-4, 1e-4), Axis("x", "linear")),
        ((512, 64, 64.0), Axis("x", "words", ("64", "512"))),
        (("small", "large", "small"), Axis("x", "words", ("large", "small"))),
        ((True, False), Axis("x", "words", ("false", "true"))),
        ((0.1, "auto"), Axis("x", "words", ("0.1", "auto"))),
        ((0.1, None, 0.2), Axis("x", "linear")),
    ],
)
def test_values_decide_the_axis(values: tuple[Cell, ...], axis: Axis) -> None:
    assert axes(rows(*values)) == (axis,)
    assert axes(rows(*values, searched=False)) == (axis,)


def test_what_does_not_vary_has_no_axis() -> None:
    assert axes(rows(64, 64.0, None)) == ()


def test_a_value_without_a_place_is_none() -> None:
    assert Axis("x", "log").at(0.0) is None
    assert Axis("x", "linear").at("auto") is None
    assert Axis("x", "linear").at(None) is None
    assert Axis("x", "words", ("a", "b")).at("b") == 1.0
    assert Axis("x", "words", ("a", "b")).at("c") is None
