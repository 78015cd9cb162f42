"""The T. rex passes what every species, and every walking one, must pass."""

from __future__ import annotations

import gymnasium

from mesosweep.testing.walker import WalkerSuite
from mesosweep_trex import SPECIES
from mesosweep_trex.body import TREX


class TestTRex(WalkerSuite):
    species = SPECIES
    walker = TREX
    calm_full_rate = 0.95


def test_gymnasium_knows_it_by_its_proper_name() -> None:
    env = gymnasium.make("mesosweep.envs.gym:mesosweep/TRex-v0", stage=3)
    observation, _ = env.reset(seed=0)
    env.close()

    assert observation.shape == (58,)
