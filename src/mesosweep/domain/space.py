"""What may be searched: named parameters, and the space that they span."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from mesosweep.domain.parameter import Categorical as Categorical
from mesosweep.domain.parameter import Discrete as Discrete
from mesosweep.domain.parameter import Double as Double
from mesosweep.domain.parameter import Integer as Integer
from mesosweep.domain.parameter import Parameter as Parameter
from mesosweep.domain.parameter import Scale as Scale
from mesosweep.domain.parameter import Value as Value
from mesosweep.domain.parameter import parameter_of as parameter_of

Assignment: TypeAlias = Mapping[str, Value]
"""Parameter name → value: one point of a search space."""


@dataclass(frozen=True, slots=True)
class SearchSpace(Mapping[str, Parameter]):
    """Parameters by name, in the order in which they were declared."""

    parameters: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __hash__(self) -> int:
        return hash(frozenset(self.parameters.items()))

    def __reduce__(self) -> tuple[type[SearchSpace], tuple[dict[str, Parameter]]]:
        # A mapping proxy cannot be pickled, and spaces travel to worker processes.
        return SearchSpace, (dict(self.parameters),)

    @classmethod
    def of(cls, entries: Mapping[str, Mapping[str, Any]]) -> SearchSpace:
        """Return the space of a sweep file's entries; raises ValueError."""
        return cls({name: parameter_of(entry) for name, entry in entries.items()})

    def entries(self) -> dict[str, dict[str, Any]]:
        """Return it JSON-able, as a sweep file writes it."""
        return {name: parameter.entry() for name, parameter in self.parameters.items()}

    def without(self, names: frozenset[str] | set[str]) -> SearchSpace:
        """Return the space with `names` left out."""
        return SearchSpace({k: v for k, v in self.parameters.items() if k not in names})

    def problems(self, assignment: Assignment) -> tuple[str, ...]:
        """Say in what an assignment is no point of this space; empty when it is one."""
        missing = [f"{name}: missing" for name in self if name not in assignment]
        foreign = [f"{name}: not in the space" for name in assignment if name not in self]
        outside = [
            f"{name}: {assignment[name]!r} is not allowed"
            for name, parameter in self.items()
            if name in assignment and not parameter.contains(assignment[name])
        ]
        return (*missing, *foreign, *outside)

    def corners(self) -> tuple[Assignment, ...]:
        """Return assignments that between them hold every extreme of every parameter."""
        each = [parameter.corners() for parameter in self.parameters.values()]
        count = max((len(corner) for corner in each), default=0)
        return tuple(
            {name: corner[i % len(corner)] for name, corner in zip(self, each, strict=True)}
            for i in range(count)
        )
