"""How long an update of SAC takes: ours on flat arrays, and Stable-Baselines3's.

    python benchmarks/sac.py [--short]

CPU milliseconds per gradient step on one thread, medians of interleaved blocks, with the
velociraptor's numbers of observations and actions. Prints one table.
"""

from __future__ import annotations

import argparse
import os
import sys
from statistics import median
from time import thread_time
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger

from mesosweep.algorithms._flat_sac import FlatSAC
from mesosweep.testing.tiny import TinyEnvs

SEEN, DONE, BLOCK = 65, 22, 8


class Envs(TinyEnvs):
    """Envs of the velociraptor's sizes that cost nothing."""

    def __init__(self) -> None:
        super().__init__(4, seed=0)
        self.observation_space = spaces.Box(-10, 10, (SEEN,), np.float32)
        self.action_space = spaces.Box(-1, 1, (DONE,), np.float32)

    def _seen(self) -> Any:
        return np.cos(np.arange(SEEN) * self.place[:, None] + self.goal[:, None]).astype(np.float32)


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a few seconds")
    options = parser.parse_args()
    th.set_num_threads(1)
    print("net / batch        SB3 ms   mesosweep ms   ratio")
    for units, batch in ((256, 256), (64, 256)):
        models = [model(kind, units, batch) for kind in (SAC, FlatSAC)]
        taken: list[list[float]] = [[], []]
        for _ in range(3 if options.short else 25):
            for one, each in zip(models, taken, strict=True):
                before = thread_time()
                one.train(BLOCK, batch)
                each.append((thread_time() - before) / BLOCK * 1e3)
        theirs, ours = (median(each) for each in taken)
        print(f"{units}x{units} / {batch:4d}   {theirs:9.2f} {ours:12.2f} {theirs / ours:9.2f}")
    print(f"load average {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores")
    return 0


def model(kind: type[SAC], units: int, batch: int) -> Any:
    found = kind(
        "MlpPolicy", Envs(), batch_size=batch, buffer_size=4_000, learning_starts=10**6, seed=0,
        device="cpu", policy_kwargs={"net_arch": [units, units]},
    )  # fmt: skip
    found.set_logger(Logger(folder=None, output_formats=[]))
    found.learn(2_000)
    found.train(BLOCK, batch)
    return found


if __name__ == "__main__":
    sys.exit(main())
