"""What a plan costs where machines are somebody else's, as far as speed and prices are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mesosweep.domain.plan import SweepPlan


@dataclass(frozen=True, slots=True)
class Bill:
    """What machines of somebody else's will cost."""

    machine: str
    where: str
    price: str
    """Strategy, rate and date of the price, or that there is none."""
    usd: Mapping[int, float]
    """By stage, where speed and price are known."""

    def total_usd(self, plan: SweepPlan) -> float | None:
        """Return the sum; None when a stage is missing, since a part is no total."""
        if any(stage.number not in self.usd for stage in plan.stages):
            return None
        return sum(self.usd[stage.number] for stage in plan.stages)
