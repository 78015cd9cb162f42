"""Adam over a flat vector of parameters, with the torch optimiser's own state as its moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch as th

from mesosweep.algorithms._stack import Floats, Vector

_PLAIN: dict[str, Any] = {
    "weight_decay": 0,
    "amsgrad": False,
    "maximize": False,
    "capturable": False,
    "differentiable": False,
}


def reason_against(network: Any) -> str | None:
    """Say what of a network's optimiser is not covered here; None when all of it is."""
    optimizer = network.optimizer
    if type(optimizer) is not th.optim.Adam:
        return f"the optimiser {type(optimizer).__name__}"
    if len(optimizer.param_groups) != 1:
        return "parameters in several groups"
    for name, plain in _PLAIN.items():
        if optimizer.param_groups[0].get(name, plain) != plain:
            return f"Adam with {name}"
    counts = {float(state["step"]) for state in optimizer.state.values()}
    if len(counts) > 1 or len(optimizer.state) not in (0, len(list(network.parameters()))):
        return "parameters that were not all updated equally often"
    return None


class FlatAdam:
    """One Adam step for all parameters at once.

    The moments live where the torch optimiser keeps them, so that a checkpoint or a
    policy zip holds them and torch could go on at any moment.
    """

    def __init__(self, parameters: Vector, gradient: Vector) -> None:
        shapes = {name: part.shape for name, part in parameters.parts.items()}
        self._means, self._squares = Vector(shapes), Vector(shapes)
        self._steps = np.zeros(len(shapes), np.float32)
        self._gradient = gradient.whole
        wholes = (parameters, gradient, self._means, self._squares)
        self._tensors = [[th.from_numpy(vector.whole)] for vector in wholes]
        self._step = [th.from_numpy(self._steps[:1]).view(())]

    def adopt(self, network: Any) -> None:
        """Take up the state of a network's optimiser, and make it views of the moments here.

        An optimiser without a state has not stepped: it gets one by the first `step`.
        """
        optimizer, names = network.optimizer, list(network.named_parameters())
        self._group = optimizer.param_groups[0]
        if not optimizer.state:
            for array in (self._means.whole, self._squares.whole, self._steps):
                array[...] = 0
            self._unborn: Any = (optimizer, names)
            return
        self._unborn = None
        for row, (name, parameter) in enumerate(names):
            state = optimizer.state[parameter]
            for key, mine in self._mine(name, row).items():
                if state[key].data_ptr() != mine.ctypes.data:
                    mine[...] = state[key].numpy()
                    state[key] = th.from_numpy(mine) if mine.ndim else _scalar(mine)

    def step(self, *, max_grad_norm: float | None = None) -> None:
        """Move the parameters against the gradient, clipped as a whole to `max_grad_norm`."""
        if self._unborn is not None:
            self._be_born()
        if max_grad_norm is not None:
            norm = math.sqrt(np.dot(self._gradient, self._gradient))
            # As torch clips: the small number is in the scale, not in the norm.
            if (scale := max_grad_norm / (norm + 1e-6)) < 1 or math.isnan(norm):
                self._gradient *= np.float32(scale)
        self._steps += 1
        group, (beta1, beta2) = self._group, self._group["betas"]
        # One pass over memory instead of a dozen; what `Adam(fused=True)` calls.
        th._fused_adam_(
            *self._tensors,  # type: ignore[call-overload]  # these are four
            [],
            self._step,
            lr=float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            grad_scale=None,
            found_inf=None,
        )

    def _be_born(self) -> None:
        optimizer, names = self._unborn
        for row, (name, parameter) in enumerate(names):
            optimizer.state[parameter] = {
                key: th.from_numpy(mine) if mine.ndim else _scalar(mine)
                for key, mine in self._mine(name, row).items()
            }
        self._unborn = None

    def _mine(self, name: str, row: int) -> dict[str, Any]:
        return {
            "step": self._steps[row : row + 1].reshape(()),
            "exp_avg": self._means.parts[name],
            "exp_avg_sq": self._squares.parts[name],
        }


def _scalar(array: Floats) -> th.Tensor:
    return th.from_numpy(array.reshape(1)).view(())
