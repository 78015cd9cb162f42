"""How near the training env comes to the speed of its physics, and how far ahead of SB3's own it is.

    python benchmarks/env.py [--species velociraptor] [--stage 2] [--lanes 4 16 64] [--short]

Contenders, taking turns in one process, all on the stage's training settings:

* `mj_step`: no env at all. A Python loop of `mujoco.mj_step` over N `MjData` on one thread,
  which replays the controls, resets and pushes of the batch below: the limit.
* `batch`: the training env, a VecEnv of N lanes on one thread, with its full reward.
* `dummy`, `subproc`: SB3's DummyVecEnv and SubprocVecEnv over N of the Gymnasium env.

Actions are small and random, so that episodes last. Prints one table; speeds are medians of
the ratios within each round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from mesosweep.envs.batch import Lanes
from mesosweep.envs.gym import BatchEnv, stage_env
from mesosweep.envs.vec import BatchVecEnv
from mesosweep.plugins import SPECIES, Registry, resolve
from mesosweep.ports import Body

_SIZE = 0.2
"""Largest action: joints move, episodes last."""
Play = Callable[[], None]


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--species", default="velociraptor")
    parser.add_argument("--stage", type=int, default=2)
    parser.add_argument("--lanes", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--short", action="store_true", help="a few steps, to see that it runs")
    options = parser.parse_args()
    species = Registry().get(SPECIES, options.species)
    if species.body is None:
        parser.error(f"{species.name} brings its own env; there is no batch to measure")
    body = resolve(species.body, what=f"species '{species.name}'")
    settings = stage_env(species, options.stage)
    rounds, env_steps = (2, 200) if options.short else (options.rounds, 4_000)

    print(f"{species.name}, stage {options.stage}, one thread; medians of {rounds} rounds")
    print(f"load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores\n")
    print("                       CPU   speed in CPU time,       wall   speed in wall")
    print("   N  contender    us/step   of mj_step  of batch    us/step  time, of batch")
    for n in options.lanes:
        told = measure(body, settings, n, steps=max(env_steps // n, 10), rounds=rounds)
        limit, batch = told["mj_step"], told["batch"]
        for name, took in told.items():
            print(
                f"{n:4d}  {name:10s} {statistics.median(took.cpu):10.1f}"
                f" {ratio(limit.cpu, took.cpu):11.2f} {ratio(batch.cpu, took.cpu):9.2f}"
                f" {statistics.median(took.wall):10.1f} {ratio(batch.wall, took.wall):14.2f}"
            )
    return 0


@dataclass
class Took:
    """Microseconds per env step, round by round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the median over rounds: both halves of a round see the same neighbours."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def measure(
    body: Body, settings: Mapping[str, Any], n: int, *, steps: int, rounds: int
) -> dict[str, Took]:
    """Let all contenders play the same actions, in turns; returns what each took."""
    body = replace(body, metrics={})  # what training does without
    rng = np.random.default_rng(0)
    nu = Lanes(body, settings, 1).model.nu
    actions = rng.uniform(-_SIZE, _SIZE, (steps, n, nu)).astype(np.float32)
    lanes = Lanes(body, settings, n)
    batch = BatchVecEnv(lanes, seed=1)

    def single() -> BatchEnv:
        return BatchEnv(body, settings)

    took = {name: Took() for name in ("mj_step", "batch", "dummy", "subproc")}
    with opened(DummyVecEnv([single] * n), SubprocVecEnv([single] * n)) as (dummy, subproc):
        workers = [int(process.pid or 0) for process in subproc.processes]  # type: ignore[attr-defined]
        tape = record(lanes, batch, actions)
        plays: dict[str, tuple[Play, Sequence[int]]] = {
            "mj_step": (replay(lanes.model, body.frame_skip, tape), ()),
            "batch": (lambda: play(batch, actions), ()),
            "dummy": (lambda: play(dummy, actions), ()),
            "subproc": (lambda: play(subproc, actions), workers),
        }
        for number in range(rounds + 1):
            for name, (run, pids) in plays.items():
                cpu, wall = cpu_seconds(pids), time.perf_counter()
                run()
                cpu, wall = cpu_seconds(pids) - cpu, time.perf_counter() - wall
                if number:  # the first is for warming up
                    took[name].cpu.append(cpu / (steps * n) * 1e6)
                    took[name].wall.append(wall / (steps * n) * 1e6)
    return took


def play(env: VecEnv, actions: Any) -> None:
    env.seed(1)
    env.reset()
    for action in actions:
        env.step(action)


@dataclass
class Tape:
    """What a batch did: the controls of every step, and states that did not follow from physics."""

    ctrl: list[Any]
    put: list[list[tuple[int, Any, Any]]]
    """For each step: lane, full state, mocap positions."""


def record(lanes: Lanes, env: VecEnv, actions: Any) -> Tape:
    """Play once and note it all."""
    full = mujoco.mjtState.mjSTATE_FULLPHYSICS.value
    tape = Tape([], [])
    physics = lanes._physics  # what a bare loop is to replay
    left: Any = None

    def advance() -> Any:
        nonlocal left
        moved = range(lanes.n) if left is None else np.flatnonzero((physics.state != left).any(1))
        tape.put.append(
            [(int(i), physics.state[i].copy(), lanes.mocap_pos[i].copy()) for i in moved]
        )
        tape.ctrl.append(lanes.ctrl.copy())
        diverged = advance_really()
        left = physics.state.copy()
        return diverged

    assert physics.state.shape[1] == mujoco.mj_stateSize(lanes.model, full)
    advance_really, physics.advance = physics.advance, advance  # type: ignore[method-assign]
    play(env, actions)
    del physics.advance
    return tape


def replay(model: Any, frame_skip: int, tape: Tape) -> Play:
    """Return the bare loop that does again what the batch did."""
    full = mujoco.mjtState.mjSTATE_FULLPHYSICS.value
    lanes = [mujoco.MjData(model) for _ in range(len(tape.ctrl[0]))]
    step = mujoco.mj_step

    def run() -> None:
        for ctrl, put in zip(tape.ctrl, tape.put, strict=True):
            for lane, state, mocap in put:
                mujoco.mj_setState(model, lanes[lane], state, full)
                lanes[lane].mocap_pos[:] = mocap
            for data, told in zip(lanes, ctrl, strict=True):
                data.ctrl[:] = told
                step(model, data, frame_skip)

    return run


@contextmanager
def opened(*envs: VecEnv) -> Iterator[tuple[VecEnv, ...]]:
    try:
        yield envs
    finally:
        for env in envs:
            env.close()


def cpu_seconds(pids: Sequence[int] = ()) -> float:
    """Return the CPU time of this process and of these others (Linux; elsewhere of this alone)."""
    tick = 1 / os.sysconf("SC_CLK_TCK")
    total = time.process_time()
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            user, system = stat.read_text().rpartition(")")[2].split()[11:13]
            total += (int(user) + int(system)) * tick
    return total


if __name__ == "__main__":
    raise SystemExit(main())
