"""The task of reaching something: a prey to strike or bite, food to eat. It is where the goal is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mesosweep.domain.errors import SettingsError
from mesosweep.ports import Array, Batch, Mask, Metric, Rng
from mesosweep.terms import frames, goal
from mesosweep.terms.sharing import once_each

MEMORY = {"tip_distance": 3}  # of the nearest tip: now, one step before, least so far; metres
_UNKNOWN = -1.0
_TRIES = 1_000


@dataclass(frozen=True, eq=False)
class Target:
    """What reaches the goal, and what counts as reaching it."""

    tips: tuple[str, ...]
    """`framepos` sensors of the points that are to come near: claws, a snout."""
    touches: tuple[str, ...] = ()
    """`touch` sensors that must feel it as well; none where nearness is all."""
    sight_m: float = 0.0
    """How far the tips see where the target is, along each axis; 0 for not at all. The root
    always sees its direction and distance."""
    clear_of: tuple[float, float, float] | None = None
    """Where a tip rests at home, metres ahead and left of the root and above the ground."""
    clear_m: float = 0.0
    """How far from there a target is put at least, so that none comes free."""

    # ── what is the case now ─────────────────────────────────────────────────

    @once_each
    def nearest(self, batch: Batch) -> Array:
        """Return the least distance of a tip from the target's centre in this step, metres, (n,)."""
        tips = batch.sensors_substeps(self._tips)
        gap = tips.reshape(batch.n, -1, 3) - batch.mocap_pos[:, :1]
        found: Array = np.sqrt(np.vecdot(gap, gap).min(axis=1))
        return found

    @once_each
    def hit(self, batch: Batch) -> Mask:
        """Return whether a tip came within `target_radius_m` of the centre in this step, (n,)."""
        near: Mask = self.nearest(batch) < batch.settings["target_radius_m"]
        if self.touches:
            near = near & (batch.sensors_substeps((self.touches,)) > 0.0).any(axis=(1, 2))
        return near

    def success(self, batch: Batch) -> Mask:
        """Return whether the task is done: a hit, but for a hunt, which goes on."""
        return np.zeros(batch.n, np.bool_) if batch.settings["hunt"] else self.hit(batch)

    @once_each
    def missed(self, batch: Batch) -> Mask:
        """Return whether a target of a hunt was passed, not hit, and is given up, (n,)."""
        if not (batch.settings["hunt"] and batch.settings["hunt_gives_up"]):
            return np.zeros(batch.n, np.bool_)
        return goal.passed(batch) & ~self.hit(batch)

    @once_each
    def wanted(self, batch: Batch) -> Mask:
        """Return the lanes that are to get a new goal: of a hunt, or of a walk through goals, (n,)."""
        if batch.settings["hunt"]:
            return self.hit(batch) | self.missed(batch)
        if batch.settings["goal_reach_m"] > 0:
            return goal.reached(batch) | goal.passed(batch)
        return np.zeros(batch.n, np.bool_)

    @once_each
    def seen(self, batch: Batch) -> Array:
        """Return where the target is as seen from the middle of the tips, (n, 3), ± `sight_m`.

        Ahead, left and up, metres: the axes turn with the root about the vertical, and do not tilt.
        """
        tips = batch.sensors(self.tips).reshape(batch.n, -1, 3)
        gap = batch.mocap_pos[:, 0] - np.add.reduce(tips, axis=1) / len(self.tips)
        ahead = frames.facing(batch)
        seen = np.empty((batch.n, 3))
        seen[:, 0] = np.vecdot(gap[:, :2], ahead)
        seen[:, 1] = gap[:, 1] * ahead[:, 0] - gap[:, 0] * ahead[:, 1]
        seen[:, 2] = gap[:, 2]
        return _bounded(seen, self.sight_m)

    # ── terms ────────────────────────────────────────────────────────────────

    def bonus(self, batch: Batch) -> Array:
        """Return 1 for a hit by an animal that stays up, else 0, (n,)."""
        if not batch.settings["task"]:
            return np.zeros(batch.n)
        return (self.hit(batch) & ~batch.failed).astype(np.float64)

    def miss(self, batch: Batch) -> Array:
        """Return 1 for a target of a hunt that was passed and not hit, else 0, (n,)."""
        return (self.missed(batch) & ~batch.failed).astype(np.float64)

    def approach(self, batch: Batch) -> Array:
        """Return how fast the root comes nearer, m/s, (n,).

        The difference of a potential: circling pays nothing.
        """
        return goal.closing(batch) if batch.settings["task"] else np.zeros(batch.n)

    def proximity(self, batch: Batch) -> Array:
        """Return how fast the nearest tip comes nearer within 1 m, in units of 3 m/s, ±2, (n,).

        The difference of a potential: waiting near the target pays nothing.
        """
        if not batch.settings["task"]:
            return np.zeros(batch.n)
        near = np.minimum(batch.memory["tip_distance"], 1.0)
        return _bounded((near[:, 1] - near[:, 0]) / (3.0 * batch.dt), 2.0)

    # ── where it is put, and what is kept ────────────────────────────────────

    def put(self, batch: Batch, lane: int, yaw: float, rng: Rng) -> None:
        """Put a new target ahead of one lane as `goal.put` does, `target_low_m` to `target_high_m` high.

        Raises SettingsError where the stage leaves no place far enough from `clear_of`.
        """
        low, high = batch.settings["target_low_m"], batch.settings["target_high_m"]
        for _ in range(_TRIES):
            height = float(rng.uniform(low, high)) if high > low else low
            goal.put(batch, lane, yaw, height, rng)
            if self._is_clear(batch, lane, yaw):
                # Its jump is no approach.
                batch.memory["tip_distance"][lane, :2] = _UNKNOWN
                return
        raise SettingsError(
            f"No target of this stage lies {self.clear_m:g} m from where the animal's tip rests "
            f"({_TRIES} tries)."
        )

    def _is_clear(self, batch: Batch, lane: int, yaw: float) -> bool:
        if self.clear_of is None:
            return True
        ahead, left, height = self.clear_of
        cosine, sine = math.cos(yaw), math.sin(yaw)
        x, y, z = batch.mocap_pos[lane, 0]
        x, y = x - batch.qpos[lane, 0], y - batch.qpos[lane, 1]
        apart = (x * cosine + y * sine - ahead, y * cosine - x * sine - left, z - height)
        return math.hypot(*apart) >= self.clear_m

    def begin(self, batch: Batch, lane: int) -> None:
        """Forget what was nearest; for `start`."""
        batch.memory["tip_distance"][lane, 2] = math.inf

    def keep(self, batch: Batch) -> None:
        """Keep the tips' distances up to date where there is a task; for `advance`."""
        if not batch.settings["task"]:
            return
        memory, nearest = batch.memory["tip_distance"], self.nearest(batch)
        before = memory[:, 0]
        memory[:, 1] = np.where(before < 0.0, nearest, before)
        memory[:, 0] = nearest

    def keep_least(self, batch: Batch) -> None:
        """Keep the least distance so far, without a task that of the root; what metrics do."""
        least = batch.memory["tip_distance"][:, 2]
        nearest = self.nearest(batch) if batch.settings["task"] else goal.distance(batch)
        np.minimum(least, nearest, out=least)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        return {
            "tip_distance": Metric(
                "least distance from the target: of what reaches it, or of the root without a task",
                "m",
                lambda batch: batch.memory["tip_distance"][:, 2],
                over="last",
                keep=self.keep_least,
            ),
        }

    # ── helpers ──────────────────────────────────────────────────────────────

    @cached_property
    def _tips(self) -> tuple[tuple[str, ...], ...]:
        return tuple((tip,) for tip in self.tips)


def _bounded(values: Array, most: float) -> Array:
    found: Array = np.minimum(np.maximum(values, -most), most)
    return found
