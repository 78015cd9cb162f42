"""What a machine's own measurement says about `--n-envs` and `--parallel`. Pure: nothing is measured here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mesosweep.domain.space import Value

NEAR = 0.95
"""What reaches so much of the best counts as the best: two runs differ by as much."""
BUSY = 0.85
"""One process alone that gets less of its core shares it with something else."""
MEMORY_SHARE = 0.9
"""So much of the free memory may a sweep take."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What one process does with so many environments, in steps of all of them together."""

    n_envs: int
    env_steps_per_s: float
    """Random actions, nothing learned: the physics, its rewards and resets."""
    training_steps_per_s: float
    """Collecting and learning."""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What each of several trainings does while the others run."""

    processes: int
    steps_per_s: float
    """Of each one, on average."""
    memory_bytes: int
    """Of each one: what it holds once its buffers are full."""

    @property
    def total(self) -> float:
        return self.processes * self.steps_per_s


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of one stage on this machine."""

    own_envs: int
    """The number of environments that the stage asks for."""
    side_envs: int
    """The number that processes had side by side."""
    cores: int
    memory_bytes: int | None
    """Free before anything ran; None where the system does not tell."""
    paces: tuple[Pace, ...]
    sides: tuple[SideBySide, ...]
    """By number of processes, 1 included."""
    core_share: float = 1.0
    """Seconds that one process alone computed in a second: less than 1 where others compute, too."""
    no_room_for: int | None = None
    """So many processes would not have fitted into the memory; None where all did."""
    is_complete: bool = True
    """Whether there was time for everything."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to pass, and why."""

    n_envs: int
    parallel: int
    changes: Mapping[str, int] = field(default_factory=dict)
    """Hyperparameters that keep learning as it is with another number of environments."""
    reasons: tuple[str, ...] = ()


def unchanged_learning(
    hyperparameters: Mapping[str, Any], *, own_envs: int, n_envs: int
) -> dict[str, int]:
    """Return the hyperparameters to change so that `n_envs` learn as the stage's own number does.

    The steps of a rollout stay the same, or the updates per step of a learner that
    replays: else more environments would look quick only because less is learned.
    """
    if n_envs == own_envs:
        return {}
    kept = _updates_kept if "buffer_size" in hyperparameters else _rollout_kept
    wanted = kept(hyperparameters, own_envs, n_envs)
    return {name: value for name, value in wanted.items() if value != hyperparameters[name]}


def _rollout_kept(hyperparameters: Mapping[str, Any], own_envs: int, n_envs: int) -> dict[str, int]:
    own, batch = hyperparameters.get("n_steps"), hyperparameters.get("batch_size")
    if not isinstance(own, int):
        return {}
    least = math.ceil(batch / n_envs) if isinstance(batch, int) else 1
    return {"n_steps": max(round(own * own_envs / n_envs), least, 1)}


def _updates_kept(hyperparameters: Mapping[str, Any], own_envs: int, n_envs: int) -> dict[str, int]:
    every, updates = hyperparameters.get("train_freq"), hyperparameters.get("gradient_steps")
    # Below 0 it means: as many as there were steps, whatever their number.
    if not (isinstance(every, int) and isinstance(updates, int)) or updates < 1:
        return {}
    each_round = updates * n_envs / (every * own_envs)
    if each_round >= 1:
        return {"train_freq": 1, "gradient_steps": round(each_round)}
    return {"train_freq": round(1 / each_round), "gradient_steps": 1}


def best_envs(paces: Sequence[Pace], *, own_envs: int) -> int:
    """Return the number of environments to train with.

    The stage's own if it is about as quick as any, else the smallest that is.
    """
    most = max(pace.training_steps_per_s for pace in paces)
    near = [p.n_envs for p in paces if p.training_steps_per_s >= NEAR * most]
    return own_envs if own_envs in near else min(near)


def share_of_alone(sides: Sequence[SideBySide], processes: int) -> float:
    """Return how quick each of `processes` is, as a share of one alone; at most 1.

    Between two measured numbers a straight line is drawn; more processes than were
    measured share what the most of them did together.
    """
    known = sorted(sides, key=lambda side: side.processes)
    alone = known[0].steps_per_s
    if processes >= known[-1].processes:
        return min(1.0, known[-1].total / processes / alone)
    below = max((s for s in known if s.processes <= processes), key=lambda s: s.processes)
    above = min((s for s in known if s.processes > processes), key=lambda s: s.processes)
    along = (processes - below.processes) / (above.processes - below.processes)
    each = below.steps_per_s + along * (above.steps_per_s - below.steps_per_s)
    return min(1.0, each / alone)


def advise(found: Measurement, hyperparameters: Mapping[str, Value]) -> Advice:
    """Say what to pass, and why."""
    n_envs = best_envs(found.paces, own_envs=found.own_envs)
    changes = unchanged_learning(hyperparameters, own_envs=found.own_envs, n_envs=n_envs)
    side = _best_side(found)
    return Advice(
        n_envs=n_envs,
        parallel=side.processes,
        changes=changes,
        reasons=(
            _why_envs(found, n_envs),
            *_why_changes(changes),
            *_why_parallel(found, side),
            *_doubts(found),
        ),
    )


def _best_side(found: Measurement) -> SideBySide:
    most = max(side.total for side in found.sides)
    # Fewer at a time let the sampler learn from more of them.
    near = [side for side in found.sides if side.total >= NEAR * most]
    return min(near, key=lambda side: side.processes)


def fits(processes: int, *, each_bytes: int, memory_bytes: int | None) -> bool:
    """Whether so many trainings fit into the free memory; yes where nobody knows."""
    return memory_bytes is None or processes * each_bytes <= MEMORY_SHARE * memory_bytes


def _why_envs(found: Measurement, n_envs: int) -> str:
    rates = {pace.n_envs: pace.training_steps_per_s for pace in found.paces}
    best = max(rates, key=lambda envs: rates[envs])
    if n_envs == found.own_envs:
        if best == n_envs:
            return f"n_envs {n_envs}, the stage's own, trains quickest."
        return (
            f"n_envs {n_envs} is the stage's own and as good as the quickest "
            f"({rates[n_envs] / rates[best]:.0%} of n_envs {best})."
        )
    gain = rates[n_envs] / rates[found.own_envs]
    return f"n_envs {n_envs} trains {gain:.2f} times as fast as the stage's own {found.own_envs}."


def _why_changes(changes: Mapping[str, int]) -> tuple[str, ...]:
    if not changes:
        return ()
    words = " and ".join(f"{name} {value}" for name, value in changes.items())
    return (f"With it, {words} for learning to stay as it is.",)


def _why_parallel(found: Measurement, side: SideBySide) -> tuple[str, ...]:
    alone = found.sides[0]
    if side.processes == 1:
        why = "One trial at a time: more of them side by side do no more in all."
    else:
        why = (
            f"{side.processes} at a time make {side.total / alone.total:.2f} times the steps of "
            f"one alone, each at {share_of_alone(found.sides, side.processes):.0%} of its speed."
        )
    if found.no_room_for is None:
        return (why,)
    return (why, f"{found.no_room_for} at a time would not fit into the free memory.")


def _doubts(found: Measurement) -> tuple[str, ...]:
    doubts = []
    if found.core_share < BUSY:
        doubts.append(
            f"This machine is busy with something else: one process alone got {found.core_share:.0%} "
            "of a core. All speeds are per second of computing, as if it were quiet."
        )
    if not found.is_complete:
        doubts.append("There was no time to measure everything.")
    return tuple(doubts)
