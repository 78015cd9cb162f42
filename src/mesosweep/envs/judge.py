"""Decides in each step who has failed and who has done the task, and says why an episode ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from mesosweep.ports import Batch, Body, Mask
from mesosweep.terms.sharing import Column

DIVERGED = "physics_divergence"
_Test = Callable[[Batch], Mask]


class Judge:
    """The terminations of a body, and its task where the stage has one, over `n` lanes."""

    def __init__(self, body: Body, n: int, *, task: bool) -> None:
        self._success = body.success if task else None
        self._names = (DIVERGED, *body.terminations)
        self._reasons = np.zeros((len(self._names), n), np.bool_)
        self._tests = tuple(_blocks(body.terminations.values(), self._reasons[1:]))

    def decide(self, batch: Batch, diverged: Mask) -> None:
        """Write success and failure, never both: who falls while striking has fallen."""
        done = None if self._success is None else self._success(batch)
        self._reasons[0] = diverged
        for test, rows in self._tests:
            rows[...] = test(batch).T
        np.logical_or.reduce(self._reasons, axis=0, out=batch.failed)
        if done is not None:
            np.greater(done, batch.failed, out=batch.success)

    def reason(self, batch: Batch, lane: int) -> str:
        """Say why the episode of a lane is over, of which `decide` has just said so."""
        if batch.success[lane]:
            return "success"
        fired = (name for name, row in zip(self._names, self._reasons, strict=True) if row[lane])
        return next(fired, "horizon")


def _blocks(tests: Iterable[_Test], rows: Any) -> Iterator[tuple[_Test, Any]]:
    """Yield each test and the row that it fills; neighbouring columns of one block as that block."""
    at = 0
    for block, group in groupby(tests, key=lambda t: t.block if isinstance(t, Column) else None):
        members = list(group)
        places = [test.place for test in members if isinstance(test, Column)]
        if block is not None and places == list(range(places[0], places[0] + len(places))):
            columns = slice(places[0], places[-1] + 1)
            yield _columns(block, columns), rows[at : at + len(members)]
        else:
            yield from zip(members, rows[at : at + len(members)], strict=True)
        at += len(members)


def _columns(block: _Test, columns: slice) -> _Test:
    return lambda batch: block(batch)[:, columns]
