"""Hidden layers of one or two networks of equal shape, forward and backward in NumPy.

Two of them lie side by side, layer by layer: half as many matrix products, each larger,
and elementwise work in one go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mesosweep.algorithms._activations import Activation

Floats: TypeAlias = NDArray[np.float32]


class Vector:
    """One float32 number per parameter of a network, whole and in named parts."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.whole: Floats = np.zeros(sum(math.prod(s) for s in shapes.values()), np.float32)
        self.parts: dict[str, Floats] = {}
        at = 0
        for name, shape in shapes.items():
            size = math.prod(shape)
            self.parts[name] = self.whole[at : at + size].reshape(shape)
            at += size


class Cutter:
    """Hands out the parts of a vector one after the other."""

    def __init__(self, vector: Vector) -> None:
        self._whole, self._at = vector.whole, 0

    def take(self, *shape: int) -> Floats:
        size = math.prod(shape)
        part: Floats = self._whole[self._at : self._at + size].reshape(shape)
        self._at += size
        return part


@dataclass(slots=True, eq=False)
class Run:
    """What passing some rows forward left behind, for the way back; memory that is used again."""

    sums: list[Floats]
    """Per layer, (rows, sides · units): what goes into the activation."""
    units: list[Floats]
    """What comes out of it."""
    slopes: list[Floats]
    """The loss's slopes there; the last is the caller's to fill."""
    scratch: Floats
    ones: Floats

    @property
    def top(self) -> Floats:
        """(rows, sides · units): what the last layer says."""
        return self.units[-1]

    @property
    def top_slope(self) -> Floats:
        return self.slopes[-1]


class Stack:
    """The hidden layers and their slopes, as views of two vectors."""

    def __init__(
        self, sides: int, inputs: int, widths: Sequence[int], activation: Activation
    ) -> None:
        self.sides, self.inputs, self.widths = sides, inputs, tuple(widths)
        self._activation = activation
        self._weights: list[Floats] = []
        self._biases: list[Floats] = []
        self._weight_slopes: list[Floats] = []
        self._bias_slopes: list[Floats] = []
        self._runs: dict[tuple[int, str], Run] = {}

    def bind(self, values: Cutter, slopes: Cutter) -> None:
        """Take the next parts of the parameters and of their gradient: per layer all weights, all biases."""
        below = self.inputs
        for depth, units in enumerate(self.widths):
            # The first layer of all sides sees the same inputs: one matrix.
            shape = (self.sides, units, below) if depth else (self.sides * units, below)
            for cutter, weights, biases in (
                (values, self._weights, self._biases),
                (slopes, self._weight_slopes, self._bias_slopes),
            ):
                weights.append(cutter.take(*shape))
                biases.append(cutter.take(self.sides * units))
            below = units

    def run(self, rows: int, *, name: str = "") -> Run:
        """Return memory for so many rows; the same for the same name."""
        found = self._runs.get((rows, name))
        if found is None:
            wide = [self.sides * units for units in self.widths]
            sums, units, slopes = (
                [np.empty((rows, width), np.float32) for width in wide] for _ in range(3)
            )
            scratch = np.empty((rows, max(wide)), np.float32)
            found = Run(sums, units, slopes, scratch, np.ones(rows, np.float32))
            self._runs[rows, name] = found
        return found

    def first(self, x: Floats) -> Floats:
        """Pass rows through the first of the networks alone; returns its last layer."""
        for depth, units in enumerate(self.widths):
            weight = self._weights[depth][0] if depth else self._weights[0][:units]
            x = x @ weight.T
            np.add(x, self._biases[depth][:units], out=x)
            self._activation.value(x, x)
        return x

    def forward(self, x: Floats, run: Run) -> None:
        """Pass rows through all networks; they all see the same."""
        for depth, (sums, units) in enumerate(zip(run.sums, run.units, strict=True)):
            weight = self._weights[depth]
            if depth == 0:
                np.matmul(x, weight.T, out=sums)
            else:
                below = self.apart(run.units[depth - 1])
                np.matmul(below, weight.transpose(0, 2, 1), out=self.apart(sums))
            np.add(sums, self._biases[depth], out=sums)
            self._activation.value(sums, units)

    def backward(self, x: Floats, run: Run, *, parameters: bool = True) -> None:
        """Bring the slopes down from `run.top_slope`, and fill the gradient of the parameters."""
        for depth in range(len(self.widths) - 1, -1, -1):
            slope = run.slopes[depth]
            scratch = run.scratch[:, : slope.shape[1]]
            self._activation.slope(run.sums[depth], run.units[depth], scratch)
            np.multiply(slope, scratch, out=slope)
            if parameters:
                np.matmul(run.ones, slope, out=self._bias_slopes[depth])
            if depth == 0:
                if parameters:
                    np.matmul(slope.T, x, out=self._weight_slopes[0])
                return
            sides = self.apart(slope)
            if parameters:
                below = self.apart(run.units[depth - 1])
                np.matmul(sides.transpose(0, 2, 1), below, out=self._weight_slopes[depth])
            np.matmul(sides, self._weights[depth], out=self.apart(run.slopes[depth - 1]))

    def input_slope(self, run: Run, columns: slice) -> Floats:
        """Return the loss's slope at some of the inputs, (rows, columns), after `backward`."""
        found: Floats = run.slopes[0] @ self._weights[0][:, columns]
        return found

    def apart(self, both: Floats) -> Floats:
        """View (rows, sides · units) as (sides, rows, units)."""
        rows, units = both.shape
        view: Floats = both.reshape(rows, self.sides, units // self.sides).transpose(1, 0, 2)
        return view
