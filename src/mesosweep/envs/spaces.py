"""What a body is seen by and moved with, as Gymnasium's spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from mesosweep.ports import Body


def observation_space(body: Body) -> spaces.Box:
    low = np.asarray(body.observation_low, np.float32)
    return spaces.Box(low, np.asarray(body.observation_high, np.float32), dtype=np.float32)


def action_space(model: Any) -> spaces.Box:
    return spaces.Box(-1.0, 1.0, (model.nu,), np.float32)
