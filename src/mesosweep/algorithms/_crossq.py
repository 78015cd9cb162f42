"""CrossQ as a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sb3_contrib

from mesosweep.algorithms._off_policy import OffPolicyLearner
from mesosweep.algorithms._weights import Structure
from mesosweep.algorithms.contrib import CROSSQ
from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Lesson


class CrossQLearner(OffPolicyLearner):
    """Trains with sb3-contrib's CrossQ; see `ports.Learner`.

    The statistics by which its layers normalise are part of the policy: they are saved,
    handed on and put back with the weights. Actor and critics have the same layers here;
    sb3-contrib's own critics are four times as wide, which a CPU is slow at.
    """

    algorithm = CROSSQ
    name = "crossq"
    model_class = sb3_contrib.CrossQ
    default_structure = Structure("crossq", (256, 256), "relu")

    def _check(self, hyper: Mapping[str, Any], lesson: Lesson) -> None:
        super()._check(hyper, lesson)
        if hyper["batch_size"] < 2:
            raise SettingsError(
                "crossq.batch_size: 1 has no spread to normalise by; it must be at least 2."
            )
