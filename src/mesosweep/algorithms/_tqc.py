"""TQC as a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sb3_contrib

from mesosweep.algorithms._off_policy import OffPolicyLearner
from mesosweep.algorithms._weights import Structure
from mesosweep.algorithms.contrib import TQC
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Lesson

_QUANTILES = 25
"""Of each critic, as sb3-contrib builds them."""


class TQCLearner(OffPolicyLearner):
    """Trains with sb3-contrib's TQC; see `ports.Learner`."""

    algorithm = TQC
    name = "tqc"
    model_class = sb3_contrib.TQC
    default_structure = Structure("tqc", (256, 256), "relu")

    def _check(self, hyper: Mapping[str, Any], lesson: Lesson) -> None:
        super()._check(hyper, lesson)
        if (dropped := hyper["top_quantiles_to_drop_per_net"]) >= _QUANTILES:
            raise SettingsError(
                f"tqc.top_quantiles_to_drop_per_net: {dropped} leaves nothing of the "
                f"{_QUANTILES} quantiles that each critic has.",
                hint="Between 0 and 5 are usual.",
            )
