"""Batches of a body, begun and played with random actions, and what its actuators can reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mesosweep.envs.batch import Lanes, Stepped
from mesosweep.ports import Body

LANES = 5
STEPS = 60


def begun_lanes(body: Body, settings: Mapping[str, Any], seeds: Sequence[int]) -> Lanes:
    """Return a batch in which each lane has begun the episode of its seed."""
    lanes = Lanes(body, settings, len(seeds))
    for lane, seed in enumerate(seeds):
        lanes.seed(lane, seed)
    lanes.begin(range(lanes.n))
    return lanes


def random_actions(body: Body, settings: Mapping[str, Any]) -> Any:
    """Return uniform actions, (STEPS, LANES, nu), the same at every call."""
    nu = Lanes(body, settings, 1).model.nu
    return np.random.default_rng(0).uniform(-1.0, 1.0, (STEPS, LANES, nu))


def played(lanes: Lanes, actions: Any, look: Any = None) -> list[dict[str, Any]]:
    """Play actions, (steps, n, nu), ended lanes begun anew; return what each step brought."""
    trace = []
    for action in actions:
        stepped: Stepped = lanes.step(action)
        if look is not None:
            look(lanes)
        trace.append(
            {
                "reward": stepped.reward.copy(),
                "ended": stepped.ended.copy(),
                "qpos": lanes.qpos.copy(),
                "qvel": lanes.qvel.copy(),
                "observation": lanes.observe(),
            }
            | {name: array.copy() for name, array in lanes.memory.items()}
        )
        if stepped.episodes:
            lanes.begin(stepped.episodes)
    return trace


def servos(model: Any) -> list[tuple[int, float, tuple[float, float]]]:
    """Return index, home target and reachable targets of each position servo on a joint."""
    found = []
    for i in range(model.nu):
        on_joint = model.actuator_trntype[i] == 0  # mjTRN_JOINT
        kp = model.actuator_gainprm[i, 0]
        if on_joint and kp > 0 and model.actuator_biasprm[i, 1] == -kp:
            joint, gear = model.actuator_trnid[i, 0], model.actuator_gear[i, 0]
            home = float(gear * model.qpos0[model.jnt_qposadr[joint]])
            limits = np.sort(gear * model.jnt_range[joint])
            reach = (float(limits[0]), float(limits[1]))
            limited = bool(model.jnt_limited[joint])
            found.append((i, home, reach if limited else (-np.inf, np.inf)))
    return found


def limited_actuators(model: Any) -> list[int]:
    """Return the indices of actuators whose control has a range."""
    return [int(i) for i in np.flatnonzero(model.actuator_ctrllimited)]


def actuator_named(model: Any, actuator: int) -> str:
    """Return how messages call an actuator."""
    return f"actuator {actuator} ({model.actuator(actuator).name or 'unnamed'})"
