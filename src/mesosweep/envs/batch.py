"""The simulation: n lanes of one animal, stepped by one call into MuJoCo.

Gymnasium env, training VecEnv and evaluation are all this class with another n.
A lane's trajectory depends on its own start, actions and random numbers alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from mesosweep.domain.score import Episode
from mesosweep.envs import frozen, rules
from mesosweep.envs.judge import Judge
from mesosweep.envs.model import load_model
from mesosweep.envs.numbers import surely_finite
from mesosweep.envs.physics import Physics
from mesosweep.envs.reward import Reward
from mesosweep.envs.sensors import Sensors
from mesosweep.envs.tables import Tables
from mesosweep.envs.tally import Tally
from mesosweep.ports import Array, Body, Mask, Metric


class Stepped(NamedTuple):
    """What one control step brought, lane by lane."""

    reward: Array
    """(n,)."""
    ended: Mask
    """(n,): the lane's episode is over; begin it anew before the next step."""
    truncated: Mask
    """(n,): it is over because the horizon was reached, and for no other reason."""
    episodes: Mapping[int, Episode]
    """Lane → the episode that has just ended there."""


class Lanes:
    """`ports.Batch`, and what drives it. Not thread-safe.

    `settings` needs a number for every reward term of the body, and `horizon_s`.
    Call `begin` for every lane before the first `step`.
    """

    def __init__(
        self,
        body: Body,
        settings: Mapping[str, Any],
        n: int,
        *,
        model: Any = None,
        metrics: Mapping[str, Metric] | None = None,
        threads: int = 1,
    ) -> None:
        self.body = body
        self.n = n
        self.model = load_model(body.model) if model is None else model
        self._physics = Physics(self.model, frame_skip=body.frame_skip, n=n, threads=threads)
        self.dt = self._physics.dt
        self._sensors = Sensors(self.model, self._physics)
        self.derived: dict[Any, Any] = {}
        self._low = np.asarray(body.observation_low, np.float32)
        self._high = np.asarray(body.observation_high, np.float32)
        self._obey(dict(settings))

        nu = self.model.nu
        own = {"action": np.zeros((n, nu)), "previous_action": np.zeros((n, nu))}
        own |= {"steps": np.zeros(n, np.int64), "seeds": np.zeros(n, np.int64)}
        own |= {"success": np.zeros(n, np.bool_), "failed": np.zeros(n, np.bool_)}
        self.rngs = [np.random.default_rng(0) for _ in range(n)]
        self._tally = Tally(n, body.metrics if metrics is None else metrics)
        self._own: dict[str, Any] = own
        memory = {name: np.zeros((n, width)) for name, width in body.memory.items()}
        self.memory: Mapping[str, Array] = memory
        # All that a lane is made of, but for its generator.
        self._tables = Tables(
            own=own, memory=memory, tally=self._tally.arrays, physics=self._physics.arrays
        )
        self._bind()

    # ── what a species sees (ports.Batch) ────────────────────────────────────

    def sensor(self, name: str) -> Array:
        return self._sensors.one(name)[:, -1]

    def sensor_substeps(self, name: str) -> Array:
        return self._sensors.one(name)

    def sensors(self, names: tuple[str, ...]) -> Array:
        return self._sensors.last(names)

    def sensors_substeps(self, groups: tuple[tuple[str, ...], ...]) -> Array:
        return self._sensors.every(groups)

    def scene(self, lane: int) -> Any:
        """Return a `mujoco.MjData` of one lane as it stands, forward kinematics and all.

        It is scratch: good until the next call, and writing to it changes nothing.
        """
        return self._physics.scene(lane)

    # ── what drives it ───────────────────────────────────────────────────────

    def seed(self, lane: int, seed: int | np.random.SeedSequence) -> None:
        """Give a lane its own random numbers, from its next `begin` on."""
        sequence = (
            seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
        )
        self.rngs[lane] = np.random.default_rng(sequence)
        self.seeds[lane] = sequence.entropy

    def begin(self, lanes: Iterable[int]) -> None:
        """Put lanes at the start of a new episode; the others are not touched."""
        chosen = list(lanes)
        self.derived.clear()
        for lane in chosen:
            self._physics.put_home(lane)
            for array in (self.action, self.previous_action, self.steps, *self.memory.values()):
                array[lane] = 0
            self.success[lane] = self.failed[lane] = False
            self._tally.begin(lane)
            self.body.start(self, lane, self.rngs[lane])
        home = self.body.control(self, np.zeros((self.n, self.model.nu)))
        for lane in chosen:
            self.ctrl[lane] = home[lane]
            self._physics.sense(lane)
        self.derived.clear()

    def sense(self) -> None:
        """Read all sensors anew, after the state was written to from outside."""
        for lane in range(self.n):
            self._physics.sense(lane)
        self.derived.clear()

    def observe(self) -> Array:
        """Return what each lane sees, (n, obs_dim) float32 within the body's bounds.

        Raises FloatingPointError when an observation is not a number.
        """
        seen = np.maximum(np.asarray(self.body.observe(self), np.float32), self._low)
        np.minimum(seen, self._high, out=seen)
        if not surely_finite(seen) and (broken := np.isnan(seen).any(axis=0)).any():
            name = self.body.observation_names[int(broken.argmax())]
            raise FloatingPointError(f"observation '{name}' is nan")
        return seen

    def step(self, actions: Array) -> Stepped:
        """Play one control step of every lane.

        Raises FloatingPointError when an action or a reward is not a number.
        """
        self._act(actions)
        diverged = self._physics.advance()
        self.steps += 1
        self.derived.clear()
        if self.body.advance is not None:
            self.body.advance(self)
        self._judge.decide(self, diverged)
        reward = self._reward.of(self, diverged)
        self._tally.add(self, reward, diverged)

        late = self.steps >= self.horizon
        ended = self.success | self.failed | late
        if not np.count_nonzero(ended):
            return Stepped(reward, ended, late, {})
        truncated = late & ~(self.success | self.failed)
        episodes = {int(lane): self._episode(int(lane), diverged) for lane in ended.nonzero()[0]}
        return Stepped(reward, ended, truncated, episodes)

    def change_setting(self, name: str, value: Any) -> None:
        """Change one setting of the running stage; raises SettingsError."""
        if name not in self._settings:
            raise rules.unknown_setting(name, self._settings)
        self._obey({**self._settings, name: value})
        self.derived.clear()

    def keep(self, lanes: Sequence[int]) -> None:
        """Go on with these lanes only, in this order."""
        self._tables.keep(lanes)
        self.rngs = [self.rngs[lane] for lane in lanes]
        self.n = len(lanes)
        self.derived.clear()
        self._physics.bind()
        self._bind()

    def snapshot(self) -> dict[str, Any]:
        """Return everything that the next step depends on, as a flat dict of arrays."""
        state = self._tables.copies()
        state["rngs"] = frozen.freeze_generators(self.rngs)
        state["settings"] = frozen.freeze_mapping(self.settings)
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a snapshot of a batch of the same body and n, bit for bit.

        Raises ValueError, and changes nothing, when it is of another batch.
        """
        self._tables.put_back(state)
        frozen.thaw_generators(self.rngs, state["rngs"])
        self._obey(frozen.thaw_mapping(state["settings"]))
        self.derived.clear()

    def close(self) -> None:
        self._physics.close()

    # ── one control step, in the order it happens ────────────────────────────

    def _act(self, actions: Array) -> None:
        self.previous_action[...] = self.action
        np.maximum(actions, -1.0, out=self.action)
        np.minimum(self.action, 1.0, out=self.action)
        if not surely_finite(self.action):  # within ±1, so of no number but nan
            raise FloatingPointError("the policy's action is nan")
        if self.body.disturb is not None:
            due = self.body.due
            for lane in range(self.n) if due is None else due(self).nonzero()[0]:
                self.body.disturb(self, int(lane), self.rngs[lane])
                self.derived.clear()
        self.ctrl[...] = self.body.control(self, self.action)

    def _episode(self, lane: int, diverged: Mask) -> Episode:
        return Episode(
            seed=int(self.seeds[lane]),
            reward=self._tally.episode_return(lane),
            length=int(self.steps[lane]),
            reason=self._judge.reason(self, lane),
            success=bool(self.success[lane]) if self._task else None,
            metrics=self._tally.measured(self, lane, diverged, horizon=self.horizon),
        )

    # ── helpers ──────────────────────────────────────────────────────────────

    def _obey(self, settings: dict[str, Any]) -> None:
        reward = Reward(self.body, settings, self.n)
        horizon = rules.horizon_steps(settings, self.dt)
        self._task = rules.has_task(self.body, settings)
        self._judge = Judge(self.body, self.n, task=self._task)
        self._reward, self.horizon, self._settings = reward, horizon, settings
        self.settings: Mapping[str, Any] = MappingProxyType(settings)

    def _bind(self) -> None:
        """Show the arrays of the lanes there are now."""
        own, physics = self._own, self._physics
        self._reward = Reward(self.body, self._settings, self.n)
        self._judge = Judge(self.body, self.n, task=self._task)
        self.action, self.previous_action = own["action"], own["previous_action"]
        self.steps, self.seeds = own["steps"], own["seeds"]
        self.success, self.failed = own["success"], own["failed"]
        self.qpos, self.qvel = physics.qpos, physics.qvel
        self.ctrl, self.mocap_pos = physics.ctrl, physics.mocap_pos
