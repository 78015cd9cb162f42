"""The process behind `worker.bench`: told on standard input what to measure, answers in JSON.

One measurement a line. It measures alone, or while others of its kind do the same.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from mesosweep.domain.errors import Interrupted, MesosweepError
from mesosweep.plugins import Registry
from mesosweep.settings.advice import unchanged_learning
from mesosweep.worker.prepare import Prepared, prepare
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.speed import Speed, Stopwatch, now

_ROLLOUT = 1_024
"""Steps of a rollout that is measured, at least a mini-batch: the pace does not depend on its
length, only the time to measure it."""
_FOREVER = 10**9
_SEED = 42


class Bench:
    """Plays and trains one stage as its own configuration says, with any number of environments."""

    def __init__(self, species: str, algorithm: str, stage: int, registry: Registry) -> None:
        self._request = TrialRequest(species, algorithm, stage, seed=_SEED)
        self._registry = registry
        self._own = prepare(self._request, registry)
        # All that the first measurement would wait for.
        self._own.learner.check(self._own.lesson, self._own.ground)

    def play(self, n_envs: int, seconds: float) -> Speed:
        """Return the speed of random actions, with nothing learned."""
        space = self._own.ground.action_space()
        rng = np.random.default_rng(_SEED)
        drawn = rng.uniform(space.low, space.high, (32, n_envs, *space.shape)).astype(space.dtype)
        with closing(self._own.ground.training_envs(n_envs, seed=_SEED)) as envs:
            envs.reset()
            envs.step(drawn[0])
            began, steps = now(), 0
            while not steps or now().wall_s - began.wall_s < seconds:
                envs.step(drawn[steps // n_envs % len(drawn)])
                steps += n_envs
            return Speed.between(began, now(steps))

    def train(self, n_envs: int, seconds: float) -> Speed:
        """Return the speed of collecting and learning."""
        made = self._with(n_envs)
        # From scratch, and long enough that no schedule comes to its end.
        lesson = replace(
            made.lesson, parent=None, timesteps=_FOREVER, eval_freq=_FOREVER, save_freq=_FOREVER
        )
        watch = Stopwatch(seconds=seconds)
        with suppress(Interrupted):
            made.learner.train(lesson, made.ground, watch)
        return watch.speed

    def memory_bytes(self) -> int:
        """Return what this process has held at most, with a replay buffer as full as it will be."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        held = peak if sys.platform == "darwin" else peak * 1024
        kept = self._own.lesson.hyperparameters.get("buffer_size")
        if not isinstance(kept, int):
            return held
        ground, floats = self._own.ground, 4
        seen = int(np.prod(ground.observation_space().shape))
        done = int(np.prod(ground.action_space().shape))
        # Before and after, what was done, reward and whether it ended.
        row = floats * (2 * seen + done + 2)
        return held + row * min(kept, self._own.lesson.timesteps)

    def _with(self, n_envs: int) -> Prepared:
        own = self._own
        hyper: dict[str, Any] = dict(own.lesson.hyperparameters)
        changed = unchanged_learning(hyper, own_envs=own.lesson.n_envs, n_envs=n_envs)
        changed |= _quicker({**hyper, **changed}, n_envs)
        injected = {f"{own.algorithm.name}_{name}": str(value) for name, value in changed.items()}
        return prepare(replace(self._request, n_envs=n_envs, injected=injected), self._registry)


def _quicker(hyper: Mapping[str, Any], n_envs: int) -> dict[str, int]:
    """Return what makes a cycle short without changing how long a step takes."""
    if "buffer_size" in hyper:
        # What comes before the first update is no learning.
        return {"learning_starts": n_envs} if "learning_starts" in hyper else {}
    steps, batch = hyper.get("n_steps"), hyper.get("batch_size")
    if not isinstance(steps, int):
        return {}
    enough = max(_ROLLOUT, batch if isinstance(batch, int) else 0)
    return {"n_steps": min(steps, -(-enough // n_envs))}


def main() -> None:
    """Answer on standard output, whatever libraries print there meanwhile."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    try:
        bench = Bench(**json.loads(sys.stdin.readline()), registry=Registry())
        print(json.dumps({"ready": True}), file=answers)
        for line in sys.stdin:
            told = json.loads(line)
            measure = bench.train if told["what"] == "train" else bench.play
            speed = measure(told["n_envs"], told["seconds"])
            found = {**asdict(speed), "memory_bytes": bench.memory_bytes()}
            print(json.dumps(found), file=answers)
    except MesosweepError as error:
        told = {"message": str(error), "hint": error.hint, "exit_code": error.exit_code}
        print(json.dumps({"error": told}), file=answers)


if __name__ == "__main__":
    main()
