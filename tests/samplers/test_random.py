"""Random search draws evenly, and its quasi-random sibling more evenly still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.space import Double, SearchSpace
from mesosweep.samplers.random import RandomSampler, quasi_random
from mesosweep.testing.sampler import SPACE, SamplerSuite

SQUARE = SearchSpace({"x": Double(0, 1), "y": Double(0, 1)})


class TestRandomSampler(SamplerSuite):
    sampler = RandomSampler()


def test_draws_fill_the_interval() -> None:
    points = RandomSampler().suggest(SQUARE, [], count=2_000, total=2_000, seed=1)

    xs = sorted(float(point["x"]) for point, _ in points)
    # Kolmogorov–Smirnov at 2,000 draws: 0.0364 is the 1 % bound, and the seed is fixed.
    assert max(abs(x - i / 2_000) for i, x in enumerate(xs)) < 0.0364


@given(seed=st.integers(0, 2**32), start=st.integers(0, 1_000))
def test_any_two_neighbours_fall_into_different_halves(seed: int, start: int) -> None:
    start -= start % 2

    first, second = (float(quasi_random(SQUARE, start + i, seed=seed)["x"]) for i in (0, 1))

    assert (first < 0.5) != (second < 0.5)


@given(seed=st.integers(0, 2**32))
def test_nine_points_fall_into_nine_different_ninths(seed: int) -> None:
    ys = [float(quasi_random(SQUARE, i, seed=seed)["y"]) for i in range(9)]

    assert {int(y * 9) for y in ys} == set(range(9))


@given(seed=st.integers(0, 2**32), index=st.integers(0, 10_000))
def test_quasi_random_points_lie_in_the_space(seed: int, index: int) -> None:
    assert SPACE.problems(quasi_random(SPACE, index, seed=seed)) == ()


def test_seeds_scramble_differently() -> None:
    assert quasi_random(SPACE, 0, seed=1) != quasi_random(SPACE, 0, seed=2)
