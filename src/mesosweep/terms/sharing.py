"""Lets terms share what they are computed from: each quantity once per moment, not once per term."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from mesosweep.ports import Batch

T = TypeVar("T")
Owner = TypeVar("Owner")


def once(function: Callable[[Batch], T]) -> Callable[[Batch], T]:
    """Make a function of a batch compute its answer once for each moment of the batch.

    A moment lasts until the state changes: after physics, a new episode, a disturbance.
    The function may read everything that `advance` does not write. Whoever gets the
    answer shares it, so nobody may change it in place.
    """

    @wraps(function)
    def remembered(batch: Batch) -> T:
        derived = batch.derived
        answer: Any = derived.get(remembered)
        if answer is None:
            answer = derived[remembered] = function(batch)
        return answer  # type: ignore[no-any-return]  # it is what `function` gave

    return remembered


@dataclass(frozen=True, eq=False)
class Column:
    """One column of what is computed for several at once.

    A function of a batch like any other; but what it is a part of is told, so that the
    simulation can take all columns of a block in one go.
    """

    block: Callable[[Batch], Any]
    """(n, columns); best one that is shared, `once` or `once_each`."""
    place: int

    def __call__(self, batch: Batch) -> Any:
        """Return the column, (n,)."""
        return self.block(batch)[:, self.place]


def once_each(method: Callable[[Owner, Batch], T]) -> Callable[[Owner, Batch], T]:
    """Do as `once` does, for a method: once for each moment and owner.

    The owner is part of a key, so let its hash be its identity: `dataclass(eq=False)`.
    """

    @wraps(method)
    def remembered(owner: Owner, batch: Batch) -> T:
        derived, key = batch.derived, (method, owner)
        answer: Any = derived.get(key)
        if answer is None:
            answer = derived[key] = method(owner, batch)
        return answer  # type: ignore[no-any-return]  # it is what `method` gave

    return remembered
