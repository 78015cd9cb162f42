"""A training at one moment, whole: what it takes to go on as if nothing had happened.

Three files, none of which needs a pickle to be read: numbers (JSON), arrays (npz)
and tensors (a weights-only torch file).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch as th

from mesosweep.algorithms._weights import UNREADABLE
from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.ports import Array

_NUMBERS, _ARRAYS, _TENSORS = "training.json", "training.npz", "training.pt"


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """State of a training between two updates."""

    step: int
    numbers: Mapping[str, Any]
    """JSON-able."""
    arrays: Mapping[str, Array]
    tensors: Mapping[str, Any]
    """State dicts by name, copied."""

    def write(self, folder: Path) -> None:
        """Write the parts into an empty folder."""
        text = json.dumps({"step": self.step, **self.numbers})
        (folder / _NUMBERS).write_text(text, encoding="utf-8")
        arrays: dict[str, Any] = dict(self.arrays)
        with (folder / _ARRAYS).open("wb") as file:
            np.savez(file, **arrays)
        # By way of memory: on a full disk torch raises a RuntimeError of its own, which
        # nobody could tell from a fault of the trial.
        tensors = io.BytesIO()
        th.save(dict(self.tensors), tensors)
        (folder / _TENSORS).write_bytes(tensors.getbuffer())

    @classmethod
    def read(cls, folder: Path) -> Snapshot:
        """Read what `write` wrote.

        Raises:
            CheckpointDamaged: a part is missing or cannot be believed.
        """
        try:
            numbers = json.loads((folder / _NUMBERS).read_text(encoding="utf-8"))
            # An own handle: NumPy leaves its one open when the file is damaged.
            with (folder / _ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            tensors = th.load(folder / _TENSORS, map_location="cpu", weights_only=True)
            step = int(numbers.pop("step"))
        except UNREADABLE as cause:
            raise CheckpointDamaged(
                f"{folder}: the periodic checkpoint cannot be read ({cause}).",
                hint="Delete this folder: training goes on from the one before it, or starts again.",
            ) from cause
        return cls(step, numbers, arrays, tensors)


def under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Array]:
    """Return the arrays with `prefix/` before each name."""
    return {f"{prefix}/{name}": np.asarray(array) for name, array in arrays.items()}


def within(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays whose names begin with `prefix/`, without it."""
    start = f"{prefix}/"
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
