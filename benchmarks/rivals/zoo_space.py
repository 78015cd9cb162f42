"""What rl_zoo3 is given by `--gym-packages`: the env, and the search space all contenders share.

rl_zoo3 has no option for a space of one's own: its spaces are functions, so this replaces PPO's.
The space comes in `RIVALS_TASK` (JSON of `benchmarks/peers.py`).
"""

from __future__ import annotations

import json
import os
from typing import Any

from rl_zoo3.hyperparams_opt import HYPERPARAMS_SAMPLER  # type: ignore[import-not-found]  # the peer's

import mesosweep.envs.gym  # noqa: F401  # registers the env

SPACE = json.loads(os.environ["RIVALS_TASK"])["space"]


def sample(trial: Any, *_: object) -> dict[str, float]:
    return {
        name: trial.suggest_float(name, low, high, log=log)
        for name, (low, high, log) in SPACE.items()
    }


HYPERPARAMS_SAMPLER["ppo"] = sample
