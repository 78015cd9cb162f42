"""What one stage of a plan will take, as far as anything was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mesosweep.domain.plan import StagePlan
from mesosweep.settings.advice import SideBySide, share_of_alone
from mesosweep.settings.preflight import judging


class Measured(Protocol):
    """What a check of one stage found out."""

    @property
    def stage(self) -> int: ...
    @property
    def corners(self) -> int: ...
    @property
    def horizon(self) -> int | None: ...
    @property
    def steps_per_s(self) -> float: ...
    @property
    def playing_steps_per_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage will take."""

    steps: int
    """Training steps of all its trials."""
    judging_share: float | None
    """Steps of being judged over steps of training, at most; None without a check."""
    seconds: float | None
    share_of_alone: float | None = None
    """How quick each trial is beside the others, as a share of one alone; None when that was
    never measured, and the time assumes that they do not slow each other."""


def cost_of(stage: StagePlan, measured: Measured | None, sides: Sequence[SideBySide] = ()) -> Cost:
    """Return a stage's cost; only its steps are known where nothing was measured.

    `sides` is what `mesosweep bench` found of processes side by side, if it ever ran.
    """
    steps = stage.trials * stage.settings.timesteps
    at_once = min(stage.parallel, stage.trials)
    share = 1.0 if at_once == 1 else share_of_alone(sides, at_once) if sides else None
    if measured is None or measured.horizon is None:
        return Cost(steps, None, None, share)
    judged = judging(stage.settings, horizon=measured.horizon)
    seconds = trial_seconds(stage, measured)
    if seconds is None:
        return Cost(steps, judged.share, None, share)
    rounds = math.ceil(stage.trials / stage.parallel)
    return Cost(steps, judged.share, seconds * rounds / (share or 1.0), share)


def trial_seconds(stage: StagePlan, measured: Measured) -> float | None:
    """Return how long one trial takes alone on such a machine; None where that is not known."""
    # A machine that is very busy may not come to a single step while it is measured.
    if measured.horizon is None or min(measured.steps_per_s, measured.playing_steps_per_s) <= 0:
        return None
    judged = judging(stage.settings, horizon=measured.horizon)
    judged_steps = judged.evaluation_steps + judged.panel_steps
    return (
        stage.settings.timesteps / measured.steps_per_s
        + judged_steps / measured.playing_steps_per_s
    )
