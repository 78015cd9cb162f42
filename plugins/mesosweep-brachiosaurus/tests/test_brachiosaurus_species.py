"""The brachiosaurus passes what every species, and every walking one, must pass."""

from __future__ import annotations

from mesosweep.testing.walker import WalkerSuite
from mesosweep_brachiosaurus import SPECIES
from mesosweep_brachiosaurus.body import WALKER


class TestBrachiosaurus(WalkerSuite):
    species = SPECIES
    walker = WALKER
    calm_full_rate = 1.0
