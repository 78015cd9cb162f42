"""The smallest species passes what every species must pass."""

from __future__ import annotations

from hopper_species import HOPPER, POLE

from mesosweep.testing.species import SpeciesSuite


class TestHopper(SpeciesSuite):
    species = HOPPER
    stages = (1, 2)


class TestPole(SpeciesSuite):
    """A species that brings an ordinary Gymnasium env."""

    species = POLE
    stages = (1,)

    def settings_of(self, stage: int) -> dict[str, float]:
        return {"horizon_s": 1.0, "gravity": 9.81 * stage}
