"""Writes what cannot be an array, random generators and settings, as arrays and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_WORD = (1 << 64) - 1


def freeze_generators(generators: Sequence[np.random.Generator]) -> Any:
    """Return the states of PCG64 generators, (n, 6) uint64."""
    rows = np.zeros((len(generators), 6), np.uint64)
    for row, generator in zip(rows, generators, strict=True):
        told: Any = generator.bit_generator.state
        state, increment = told["state"]["state"], told["state"]["inc"]
        row[:] = (
            *(state & _WORD, state >> 64, increment & _WORD, increment >> 64),
            *(told["has_uint32"], told["uinteger"]),
        )
    return rows


def thaw_generators(generators: Sequence[np.random.Generator], rows: Any) -> None:
    """Set PCG64 generators to frozen states, in place: whoever shares one stays in step."""
    for generator, row in zip(generators, rows, strict=True):
        words = [int(word) for word in row]
        generator.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": words[0] | words[1] << 64, "inc": words[2] | words[3] << 64},
            "has_uint32": words[4],
            "uinteger": words[5],
        }


def freeze_mapping(values: Mapping[str, Any]) -> Any:
    """Return a JSON-able mapping as bytes, (length,) uint8."""
    return np.frombuffer(json.dumps(dict(values)).encode(), np.uint8).copy()


def thaw_mapping(frozen: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(np.asarray(frozen, np.uint8).tobytes())
    return values
