"""SAC as a learner."""

from __future__ import annotations

from mesosweep.algorithms._flat_sac import FlatSAC
from mesosweep.algorithms._off_policy import OffPolicyLearner
from mesosweep.algorithms._weights import Structure
from mesosweep.algorithms.sb3 import SAC


class SACLearner(OffPolicyLearner):
    """Trains with SAC on flat arrays, or with SB3's own where that is not covered; see `ports.Learner`."""

    algorithm = SAC
    name = "sac"
    model_class = FlatSAC
    default_structure = Structure("sac", (256, 256), "relu")
