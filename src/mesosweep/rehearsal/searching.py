"""Which values the next trial gets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from mesosweep.domain.space import Categorical, Discrete, Double, Integer, SearchSpace
from mesosweep.rehearsal.orders import Algorithm, Chosen, Searched, Value
from mesosweep.samplers.random import quasi_random


def suggestions(
    parameters: Sequence[Searched], *, algorithm: Algorithm, seed: int
) -> Iterator[Chosen]:
    """Yield the values of one trial after the other; the grid ends, the others never do.

    The real service's default is Bayesian. Here it is an even cover of the (scaled) space by
    a scrambled Halton sequence, blind to results: a rehearsal shows that a sweep runs, not
    how well it searches. RANDOM_SEARCH draws uniformly, GRID_SEARCH goes through every
    combination, the last parameter changing fastest. The same seed gives the same trials.
    """
    match algorithm:
        case "grid":
            yield from _grid(parameters)
        case "random":
            for index in count():
                rng = random.Random(f"{seed}/random/{index}")
                yield _drawn(parameters, lambda _: rng.random())  # noqa: B023  # used at once
        case "default":
            units = SearchSpace({path: Double(0.0, 1.0) for path in _paths(parameters)})
            for index in count():
                point = quasi_random(units, index, seed=seed)
                yield _drawn(parameters, lambda path: float(point[path]))  # noqa: B023  # used at once


def grid_problem(parameters: Sequence[Searched]) -> str | None:
    """Say which parameter has no grid; None when all have."""
    for parameter in parameters:
        if isinstance(parameter.values, Double):
            return f"{parameter.name} is a double, which grid search does not allow"
        if problem := grid_problem([child for _, child in parameter.under]):
            return problem
    return None


def _drawn(
    parameters: Sequence[Searched], unit_of: Callable[[str], float], *, above: str = ""
) -> dict[str, Value]:
    chosen: dict[str, Value] = {}
    for path, parameter in _named(parameters, above):
        value = _at(parameter, unit_of(path))
        chosen[parameter.name] = value
        chosen |= _drawn(_children(parameter, value), unit_of, above=f"{path}={value}/")
    return chosen


def _paths(parameters: Sequence[Searched], above: str = "") -> Iterator[str]:
    """Yield a name for every parameter that may come to exist, each of them once."""
    for path, parameter in _named(parameters, above):
        yield path
        for value in dict.fromkeys(
            v for values, _ in parameter.under for v in sorted(values, key=str)
        ):
            yield from _paths(_children(parameter, value), f"{path}={value}/")


def _named(parameters: Sequence[Searched], above: str) -> Iterator[tuple[str, Searched]]:
    return ((f"{above}{parameter.name}", parameter) for parameter in parameters)


def _grid(parameters: Sequence[Searched]) -> Iterator[Chosen]:
    if not parameters:
        yield {}
        return
    first, *rest = parameters
    for value in _points(first):
        for own in _grid(_children(first, value)):
            for others in _grid(rest):
                yield {first.name: value, **own, **others}


def _children(parameter: Searched, value: Value) -> list[Searched]:
    return [child for values, child in parameter.under if value in values]


def _points(parameter: Searched) -> Sequence[Value]:
    match parameter.values:
        case Integer(low=low, high=high):
            return [float(n) for n in range(low, high + 1)]
        case Discrete(values=numbers):
            return [float(number) for number in numbers]
        case Categorical(values=words):
            return words
        case Double():
            raise ValueError(grid_problem([parameter]))


def _at(parameter: Searched, unit: float) -> Value:
    values = parameter.values
    if parameter.reverse and isinstance(values, Double | Integer):
        value: Value = values.low + values.high - values.at(1.0 - unit)
    else:
        value = values.at(unit)
    return value if isinstance(value, str) else float(value)
