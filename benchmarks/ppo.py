"""How fast PPO trains on the velociraptor: ours, Stable-Baselines3's, and the physics alone.

    python benchmarks/ppo.py [--short] [--repeats 3] [--stage 2]

Environment steps per second of collecting and updating, without evaluation, one torch
thread each, the same env, settings and normalisation. Systems take turns; ratios are of
one turn each, and their medians, since a machine's speed changes. CPU time counts all
processes of a system. Two rows make rollouts of the same size with more envs, as the
species' own stages do. The physics is what one thread needs for the same controls and
nothing else. Prints one table.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import mujoco
import numpy as np
import torch as th
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

from mesosweep.algorithms._ppo import PPOLearner
from mesosweep.domain.score import Score
from mesosweep.domain.trial import Evaluation
from mesosweep.envs.batch import Lanes
from mesosweep.envs.ground import open_ground
from mesosweep.envs.gym import make, stage_env
from mesosweep.plugins import SPECIES, Registry, resolve
from mesosweep.ports import Lesson

SPECIES_NAME, LANES, MANY, EPOCHS = "velociraptor", 4, 64, 10
NETS = (((64, 64), 64), ((256, 256), 256))


@dataclass
class Laps:
    """Wall and CPU seconds of each rollout with its update, the first left out."""

    cpu: Callable[[], float] = process_time
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    _last: tuple[float, float] | None = None

    def lap(self) -> None:
        now = perf_counter(), self.cpu()
        if self._last is not None:
            self.wall_s.append(now[0] - self._last[0])
            self.cpu_s.append(now[1] - self._last[1])
        self._last = now


@dataclass
class System:
    name: str
    run: Callable[[int, int], Laps]
    """(steps per lane and rollout, rollouts) → laps."""
    wall_s: list[float] = field(default_factory=list)
    """Of a rollout with its update, turn by turn."""
    cpu_s: list[float] = field(default_factory=list)


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a minute: small, and one repeat")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rollouts", type=int, default=4, help="timed ones in each repeat")
    parser.add_argument("--stage", type=int, default=2)
    options = parser.parse_args()
    th.set_num_threads(1)
    steps, rollouts, repeats = 512, options.rollouts, options.repeats
    if options.short:
        steps, rollouts, repeats = 128, 1, 1
    load = os.getloadavg()
    print(
        f"{SPECIES_NAME} stage {options.stage}, {LANES} envs x {steps} steps, {EPOCHS} epochs; "
        f"medians of {repeats} turns of {rollouts} rollouts\n"
        "net / batch      system                  steps/s   vs Subproc  vs Dummy  "
        "vs physics   CPU us/step   CPU vs Dummy"
    )
    for arch, batch in NETS:
        systems = [
            System("physics alone", lambda s, r: physics(options.stage, s, r)),
            System("SB3 + SubprocVecEnv", rival(options.stage, in_processes, arch, batch, LANES)),
            System("SB3 + DummyVecEnv", rival(options.stage, DummyVecEnv, arch, batch, LANES)),
            System(
                f"SB3, Dummy, {MANY} envs", rival(options.stage, DummyVecEnv, arch, batch, MANY)
            ),
            System("mesosweep", ours(options.stage, arch, batch, lanes=LANES)),
            System(f"mesosweep, {MANY} envs", ours(options.stage, arch, batch, lanes=MANY)),
        ]
        for _ in range(repeats):
            for system in systems:
                laps = system.run(steps, rollouts)
                system.wall_s.append(median(laps.wall_s))
                system.cpu_s.append(median(laps.cpu_s))
        tell(systems, f"{'x'.join(map(str, arch))} / {batch}", steps * LANES)
    print(
        f"load average before {load[0]:.1f}, after {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores"
    )
    return 0


def tell(systems: list[System], label: str, steps: int) -> None:
    limit, subproc, dummy, *_ = systems
    for system in systems:
        wall_s, cpu_s = median(system.wall_s), median(system.cpu_s)
        print(
            f"{label:16s} {system.name:22s} {steps / wall_s:8.0f} "
            f"{ratio(subproc.wall_s, system.wall_s):11.2f} "
            f"{ratio(dummy.wall_s, system.wall_s):9.2f} {ratio(limit.wall_s, system.wall_s):11.2f} "
            f"{cpu_s / steps * 1e6:13.0f} {ratio(dummy.cpu_s, system.cpu_s):14.2f}"
        )


def ratio(one: list[float], other: list[float]) -> float:
    """Return the median over turns: neighbours in time meet the same machine."""
    return median(a / b for a, b in zip(one, other, strict=True))


# ── the systems ──────────────────────────────────────────────────────────────


def physics(stage: int, steps: int, rollouts: int) -> Laps:
    """Play controls that an untrained policy gives, by `mj_step` alone, and time it."""
    body: Any = resolve(Registry().get(SPECIES, SPECIES_NAME).body or "", what="the benchmark")
    lanes = Lanes(body, stage_env(Registry().get(SPECIES, SPECIES_NAME), stage), 1)
    lanes.seed(0, 0)
    lanes.begin([0])
    rng, states, controls = np.random.default_rng(0), [], []
    fresh = True
    for _ in range(steps * rollouts):
        states.append((lanes.qpos[0].copy(), lanes.qvel[0].copy()) if fresh else None)
        stepped = lanes.step(rng.normal(size=(1, lanes.model.nu)))
        controls.append(lanes.ctrl[0].copy())
        fresh = bool(stepped.ended[0])
        if fresh:
            lanes.begin([0])
    model, data, skip = lanes.model, mujoco.MjData(lanes.model), body.frame_skip
    laps = Laps()
    laps.lap()
    for _ in range(LANES):
        for state, control in zip(states, controls, strict=True):
            if state is not None:
                mujoco.mj_resetData(model, data)
                data.qpos[:], data.qvel[:] = state
            data.ctrl[:] = control
            mujoco.mj_step(model, data, skip)
    laps.lap()
    lanes.close()
    return Laps(wall_s=[laps.wall_s[0] / rollouts], cpu_s=[laps.cpu_s[0] / rollouts])


def rival(stage: int, kind: Any, arch: Any, batch: int, lanes: int) -> Callable[[int, int], Laps]:
    """Return what trains SB3's PPO over the Gymnasium env, as its users do."""

    def run(steps: int, rollouts: int) -> Laps:
        steps = steps * LANES // lanes
        makers = [lambda: Monitor(make(SPECIES_NAME, stage)) for _ in range(lanes)]
        inner: Any = kind(makers)
        env = VecNormalize(inner)
        pids = [process.pid for process in getattr(inner, "processes", ())]
        laps = Laps(lambda: process_time() + sum(map(cpu_of, pids)))
        model = PPO(
            "MlpPolicy", env, n_steps=steps, batch_size=batch, n_epochs=EPOCHS, seed=0,
            device="cpu", policy_kwargs={"net_arch": list(arch)},
        )  # fmt: skip
        model.learn(steps * lanes * (rollouts + 1), callback=_Lap(laps))
        env.close()
        return laps

    return run


def in_processes(makers: Any) -> SubprocVecEnv:
    return SubprocVecEnv(makers, start_method="fork")


class _Lap(BaseCallback):
    def __init__(self, laps: Laps) -> None:
        super().__init__()
        self._laps = laps

    def _on_rollout_start(self) -> None:
        self._laps.lap()

    def _on_training_end(self) -> None:
        self._laps.lap()

    def _on_step(self) -> bool:
        return True


def cpu_of(pid: int) -> float:
    """Return CPU seconds of a living process; 0 where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def ours(stage: int, arch: Any, batch: int, *, lanes: int) -> Callable[[int, int], Laps]:
    """Return what trains a trial's learner, with everything that a trial does but judging."""

    def run(steps: int, rollouts: int) -> Laps:
        steps = steps * LANES // lanes
        species = Registry().get(SPECIES, SPECIES_NAME)
        settings = stage_env(species, stage)
        ground = open_ground(species, reference=settings, training=settings)
        hyper = {"n_steps": steps, "batch_size": batch, "n_epochs": EPOCHS, "net_arch": list(arch)}
        total = steps * lanes * (rollouts + 1)
        lesson = Lesson(
            hyperparameters=hyper, curriculum={}, timesteps=total, n_envs=lanes, seed=0,
            eval_freq=total, save_freq=2 * total, parent=None,
        )  # fmt: skip
        watching = _Watching()
        PPOLearner().train(lesson, ground, watching)
        return watching.laps

    return run


class _Watching:
    """A `ports.Observer` that only looks at the clock."""

    def __init__(self) -> None:
        self.laps = Laps()

    def evaluate(self, policy: Any, *, step: int) -> Evaluation:  # noqa: ARG002  # the port's shape
        return Evaluation(step, Score(1, 0.0, 0.0, 1.0, 0.0))

    def offer(self, save: Any, *, step: int) -> None: ...
    def checkpoint(self, save: Any, *, step: int) -> None: ...

    def stepped(self, step: int, values: Any) -> None:  # noqa: ARG002  # the port's shape
        if values:
            self.laps.lap()

    def should_stop(self) -> bool:
        return False


if __name__ == "__main__":
    sys.exit(main())
