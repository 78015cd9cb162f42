"""The brachiosaurus passes what every species must pass."""

from __future__ import annotations

from mesosweep.testing.species import SpeciesSuite
from mesosweep_brachiosaurus import SPECIES


class TestBrachiosaurus(SpeciesSuite):
    species = SPECIES
