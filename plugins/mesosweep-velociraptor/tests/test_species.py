"""The velociraptor passes what every species must pass."""

from __future__ import annotations

from mesosweep.testing.species import SpeciesSuite
from mesosweep_velociraptor import SPECIES


class TestVelociraptor(SpeciesSuite):
    species = SPECIES
