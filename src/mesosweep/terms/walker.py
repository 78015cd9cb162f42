"""An animal that walks, as data: from a `Walker` come its episodes, senses, terms and metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mesosweep.ports import Array, Batch, Body, Mask, Metric, Mirror, Rng
from mesosweep.terms import frames, goal, pushes, soles, symmetry, walking
from mesosweep.terms import target as reaching
from mesosweep.terms.feet import Feet
from mesosweep.terms.grounded import Grounded
from mesosweep.terms.saturating import charges, costs, pays
from mesosweep.terms.senses import Sense, Senses
from mesosweep.terms.servos import Servos
from mesosweep.terms.target import Target

Term = Callable[[Batch], Array]
_ROOT = 7
_ROOT_SPEEDS = 6
_LEANING_RAD = 0.8
_DRIFTED_M = 2.0


@dataclass(frozen=True, eq=False)
class Walker:
    """Everything that tells one walking animal from another.

    Its model: the root is a free joint and comes first, all hinges are 0 at home, the
    goal is the first mocap body. Its stages set all that `mesosweep.terms.settings` names.
    """

    hinges: tuple[str, ...]
    """All joints but the root, in the model's order."""
    servos: Servos
    feet: Feet
    target: Target
    mass_kg: float
    task: str
    """The species' word for its task: `strike`, `bite`, `food`."""
    grounded: Mapping[str, tuple[tuple[str, ...], float]]
    """Reason → `framepos` sensors, and the height in metres below which one of them is down."""
    tail: tuple[str, ...] = ()
    """Hinges of the tail."""
    nose_down: float = 0.0
    """Sine of the pitch at which the animal stands by itself."""
    clearance_m: float = 0.0005
    """Height of the lowest sole above the ground at the start."""
    senses: tuple[Sense, ...] = ()
    """What it senses beyond what every walker does. In the mirror image a sense changes its
    sign if its name ends in `_left`, places if it has a twin of the other side."""
    parallel: tuple[str, ...] = ()
    """Patterns of hinges left and right that turn about parallel axes, not mirrored ones."""

    def body(
        self,
        *,
        model: str,
        frame_skip: int,
        rewards: Mapping[str, Term] | None = None,
        terminations: Mapping[str, Callable[[Batch], Mask]] | None = None,
        metrics: Mapping[str, Metric] | None = None,
        **others: Any,
    ) -> Body:
        """Return the animal that mesosweep simulates, with terms and metrics of its own added."""
        told = self._senses.told
        return Body(
            model=model,
            frame_skip=frame_skip,
            observation_low=[low for _, low, _ in told],
            observation_high=[high for _, _, high in told],
            observation_names=[name for name, _, _ in told],
            observe=self._senses.observe,
            control=self.servos.control,
            start=self.start,
            due=self.due,
            disturb=self.disturb,
            advance=self.advance,
            success=self.target.success,
            rewards={**self.rewards, **(rewards or {})},
            terminations={**self.terminations, **(terminations or {})},
            metrics={**self.metrics, **(metrics or {})},
            mirror=self.mirror,
            memory={**pushes.MEMORY, **goal.MEMORY, **reaching.MEMORY, **self.feet.memory},
            **others,
        )

    # ── an episode ───────────────────────────────────────────────────────────

    def start(self, batch: Batch, lane: int, rng: Rng) -> None:
        """Stand one lane up: noisy joints, soles just above the ground, a goal ahead."""
        settings, count = batch.settings, len(self.hinges)
        noise, rate = settings["start_noise_rad"], settings["start_noise_rad_s"]
        qpos, qvel = batch.qpos[lane], batch.qvel[lane]
        qpos[_ROOT:] = rng.uniform(-noise, noise, count)
        qvel[_ROOT_SPEEDS:] = rng.uniform(-rate, rate, count)
        yaw = settings["start_yaw_rad"] * rng.uniform(-1.0, 1.0)
        qpos[3:7] = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
        lowest = soles.lowest(batch.model, batch.scene(lane), self.feet.geoms)
        qpos[2] += self.clearance_m - lowest
        self.feet.begin(batch, lane, rng)
        self.target.begin(batch, lane)
        pushes.begin(batch, lane, rng)
        self.target.put(batch, lane, 0.0, rng)

    def due(self, batch: Batch) -> Mask:
        """Return the lanes whose time for a push has come, or that need a new goal, (n,)."""
        wanted = self.target.wanted(batch)
        return wanted | pushes.due(batch) if batch.settings["push_max_n_s"] > 0 else wanted

    def disturb(self, batch: Batch, lane: int, rng: Rng) -> None:
        """Push one lane, or give it a new goal, whichever is due."""
        wanted = self.target.wanted(batch)[lane]
        if pushes.due(batch)[lane]:
            pushes.push(batch, lane, rng, mass_kg=self.mass_kg)
        if wanted:
            ahead, left = frames.facing(batch)[lane]
            self.target.put(batch, lane, math.atan2(left, ahead), rng)

    def advance(self, batch: Batch) -> None:
        """Keep distances up to date."""
        goal.keep(batch)
        self.target.keep(batch)

    # ── what it is paid and measured by ──────────────────────────────────────

    @cached_property
    def rewards(self) -> Mapping[str, Term]:
        """Setting → term. What is unwanted is charged, so weights are positive; two are not:
        the penalties for falling and for missing.
        """
        servos = float(len(self.servos.names))
        return {
            "alive_bonus": walking.alive,
            "fall_penalty": walking.fall,
            "forward_vel_weight": pays(goal.speed, full="forward_vel_max"),
            "heading_weight": walking.heading,
            "waypoint_bonus": walking.waypoint,
            "posture_weight": costs(walking.lean, full=_LEANING_RAD**2),
            "nosedive_weight": charges(self.nosedive),
            "lateral_weight": costs(walking.sideways),
            "spin_weight": costs(walking.spin, full=3.0),
            "drift_weight": costs(walking.drift, full=_DRIFTED_M**2),
            "speed_penalty_weight": costs(frames.speed),
            "tail_weight": costs(self.whipping, full=10.0),
            "energy_penalty_weight": charges(walking.effort, full=servos),
            "smoothness_weight": charges(walking.jerk, full=servos),
            "gait_weight": self.feet.gait,
            "clearance_weight": self.feet.clearance,
            f"{self.task}_bonus": self.target.bonus,
            f"{self.task}_miss_penalty": self.target.miss,
            f"{self.task}_approach_weight": pays(self.target.approach, full=3.0),
            f"{self.task}_proximity_weight": self.target.proximity,
        }

    def nosedive(self, batch: Batch) -> Array:
        """Return how much lower the nose is than the animal carries it, sine of the pitch, (n,)."""
        return frames.nose_down(batch) - self.nose_down

    def whipping(self, batch: Batch) -> Array:
        """Return the mean speed of the tail's hinges, rad/s, (n,)."""
        if not self.tail:
            return np.zeros(batch.n)
        rates = np.abs(batch.qvel[:, self._tail])
        mean: Array = np.vecdot(rates, self._mean_of_tail)
        return mean

    @cached_property
    def terminations(self) -> Mapping[str, Callable[[Batch], Mask]]:
        """Reason → who is down, (n,)."""
        return {
            "fallen": walking.fallen,
            "tilted": walking.tilted,
            **Grounded(self.grounded).terminations,
        }

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        return {**walking.METRICS, **self.feet.metrics, **self.target.metrics}

    # ── left and right ───────────────────────────────────────────────────────

    @property
    def mirror(self) -> Mirror:
        """Left and right of everything sensed and done."""
        clock = ("clock_*",) if self.feet.half_stride else ()
        return symmetry.mirror(
            [name for name, _, _ in self._senses.told],
            self.servos.names,
            odd=(*symmetry.ODD, *clock),
            parallel=self._parallel,
            reflect=self.reflect,
        )

    def reflect(self, batch: Batch, lane: int) -> None:
        """Turn one lane into its mirror image."""
        qpos, qvel, hinges = batch.qpos[lane], batch.qvel[lane], self._mirrored_hinges
        qpos[[1, 4, 6]] *= -1.0  # y; the quaternion's x and z
        qvel[[1, 3, 5]] *= -1.0  # y; turning about x and z
        qpos[_ROOT:] = qpos[_ROOT:][hinges.action_source] * hinges.action_sign
        qvel[_ROOT_SPEEDS:] = qvel[_ROOT_SPEEDS:][hinges.action_source] * hinges.action_sign
        batch.mocap_pos[lane, :, 1] *= -1.0
        self.feet.reflect(batch, lane)

    # ── helpers ──────────────────────────────────────────────────────────────

    @cached_property
    def _senses(self) -> Senses:
        return Senses(self.hinges, self.feet, self.target, self.senses)

    @property
    def _parallel(self) -> tuple[str, ...]:
        return tuple(f"*{pattern}" for pattern in self.parallel)

    @cached_property
    def _mirrored_hinges(self) -> Mirror:
        return symmetry.mirror((), self.hinges, parallel=self._parallel)

    @cached_property
    def _tail(self) -> slice | list[int]:
        at = [_ROOT_SPEEDS + self.hinges.index(name) for name in self.tail]
        run = slice(at[0], at[-1] + 1)
        return run if at == list(range(run.start, run.stop)) else at

    @cached_property
    def _mean_of_tail(self) -> Array:
        return np.full(len(self.tail), 1.0 / len(self.tail))
