"""The arrays that lanes are made of, a row for each lane: thinned out, copied and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np


class Tables:
    """Named tables of named arrays, whose owners see what is done to them here."""

    def __init__(self, **tables: dict[str, Any]) -> None:
        self._tables = tables

    def keep(self, lanes: Sequence[int]) -> None:
        """Replace every array by its rows of these lanes, in this order."""
        rows = list(lanes)
        for table in self._tables.values():
            for name, array in table.items():
                table[name] = array[rows]

    def copies(self) -> dict[str, Any]:
        """Return a copy of every array, as `table/name`."""
        return {key: array.copy() for key, array in self._each()}

    def put_back(self, state: Mapping[str, Any]) -> None:
        """Fill the arrays from `copies`; raises ValueError, and fills none, where one does not fit."""
        for key, array in self._each():
            if key not in state or np.shape(state[key]) != array.shape:
                saved = np.shape(state[key]) if key in state else "nothing"
                raise ValueError(f"snapshot of another batch: {key} is {saved}, not {array.shape}")
        for key, array in self._each():
            array[...] = state[key]

    def _each(self) -> Iterator[tuple[str, Any]]:
        for place, table in self._tables.items():
            for name, array in table.items():
                yield f"{place}/{name}", array
