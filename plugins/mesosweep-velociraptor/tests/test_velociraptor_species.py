"""The velociraptor passes what every walking species must pass."""

from __future__ import annotations

from mesosweep.testing.walker import WalkerSuite
from mesosweep_velociraptor import SPECIES
from mesosweep_velociraptor.body import RAPTOR


class TestVelociraptor(WalkerSuite):
    species = SPECIES
    walker = RAPTOR
