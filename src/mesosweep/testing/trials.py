"""A trial that only counts, and ways to take it away in the middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mesosweep.worker.request import TrialRequest

LAST_EVALUATION = 100 + 3 * 20 + 7
"""A look of `a_request`'s trial that falls into its last evaluation.

It looks once before each of 100 steps, and once before each control step of the four
evaluations (10 episodes of 2 steps, side by side) and of the panel (30).
"""
PANEL = 100 + 4 * 20 + 25
"""A look that falls into its panel."""


def a_request(folder: Path) -> TrialRequest:
    """Return the request for trial 3 of a first stage below `folder`: 100 steps, made at once."""
    return TrialRequest(
        species="counting",
        algorithm="count",
        stage=1,
        timesteps=100,
        eval_freq=25,
        save_freq=20,
        overrides=("count.stride=1",),
        injected={"count_gain": "0.8"},
        output_dir=folder,
        trial_id="3",
    )


def after(looks: int) -> Callable[[], bool]:
    """Say stop at the n-th look."""
    left = iter(range(looks - 1))
    return lambda: next(left, None) is None


def crash_after(looks: int) -> Callable[[], bool]:
    """Go down at the n-th look, as hard as a process can that must go on testing."""
    stop = after(looks)

    def look() -> bool:
        if stop():
            raise KeyboardInterrupt
        return False

    return look
