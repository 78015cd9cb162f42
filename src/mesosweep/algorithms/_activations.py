"""The activations that policies may have, with their slopes, in NumPy and into given memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import nn

_Floats: TypeAlias = NDArray[np.float32]

_LEAK = 0.01
_HALF, _ONE = np.float32(0.5), np.float32(1)


@dataclass(frozen=True, slots=True)
class Activation:
    """An elementwise function of `x`, and its slope.

    Neither allocates more than it must: these run thousands of times a second.
    """

    value: Callable[[_Floats, _Floats], None]
    """(x, y): write the value at x into y; both may be the same memory."""
    slope: Callable[[_Floats, _Floats, _Floats], None]
    """(x, y, out): write the slope at x, where the value is y, into a third memory."""


def _tanh(x: _Floats, y: _Floats) -> None:
    np.tanh(x, out=y)


def _tanh_slope(_: _Floats, y: _Floats, out: _Floats) -> None:
    np.multiply(y, y, out=out)
    np.subtract(_ONE, out, out=out)


def _relu(x: _Floats, y: _Floats) -> None:
    np.maximum(x, 0, out=y)


def _relu_slope(x: _Floats, _: _Floats, out: _Floats) -> None:
    np.greater(x, 0, out=out)


def _elu(x: _Floats, y: _Floats) -> None:
    # exp is vectorised where expm1 is not.
    low = np.minimum(x, 0)
    np.exp(low, out=low)
    low -= _ONE
    np.maximum(x, 0, out=y)
    y += low


def _elu_slope(_: _Floats, y: _Floats, out: _Floats) -> None:
    np.minimum(y, 0, out=out)
    out += _ONE


def _leaky_relu(x: _Floats, y: _Floats) -> None:
    np.maximum(x, x * np.float32(_LEAK), out=y)


def _leaky_relu_slope(x: _Floats, _: _Floats, out: _Floats) -> None:
    np.greater(x, 0, out=out)
    np.maximum(out, np.float32(_LEAK), out=out)


def _sigmoid(x: _Floats, out: _Floats) -> None:
    # By way of tanh: it has no overflow.
    np.multiply(x, _HALF, out=out)
    np.tanh(out, out=out)
    out += _ONE
    out *= _HALF


def _silu(x: _Floats, y: _Floats) -> None:
    share = np.empty_like(x)
    _sigmoid(x, share)
    np.multiply(x, share, out=y)


def _silu_slope(x: _Floats, y: _Floats, out: _Floats) -> None:
    # σ + x σ (1 - σ) = σ (1 - y) + y, with y = x σ
    _sigmoid(x, out)
    out *= _ONE - y
    out += y


_KNOWN: Mapping[type[nn.Module], Activation] = {
    nn.Tanh: Activation(_tanh, _tanh_slope),
    nn.ReLU: Activation(_relu, _relu_slope),
    nn.ELU: Activation(_elu, _elu_slope),
    nn.LeakyReLU: Activation(_leaky_relu, _leaky_relu_slope),
    nn.SiLU: Activation(_silu, _silu_slope),
}


def activation_of(module: nn.Module) -> Activation | None:
    """Return what a module computes; None for one that is not known with these settings."""
    if isinstance(module, nn.ELU) and module.alpha != 1.0:
        return None
    if isinstance(module, nn.LeakyReLU) and module.negative_slope != _LEAK:
        return None
    return _KNOWN.get(type(module))
