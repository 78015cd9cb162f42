"""Where one stage is trained and judged, whatever the species is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from mesosweep.domain.score import Episode
from mesosweep.envs.batch import Lanes
from mesosweep.envs.foreign import ForeignGround
from mesosweep.envs.model import load_model
from mesosweep.envs.spaces import action_space, observation_space
from mesosweep.plugins import Species, resolve
from mesosweep.ports import Array, Body, Ground, Mirror, Policy

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

_LANES = 128
"""Most episodes played side by side: more gain no speed and only cost memory."""
_ROWS = 32


def open_ground(
    species: Species, *, reference: Mapping[str, Any], training: Mapping[str, Any]
) -> Ground:
    """Open the ground of one stage.

    `reference` are the env settings that policies are judged under, `training` those
    they learn under. Raises SettingsError and PluginError where these make no env.
    """
    if species.body is None:
        return ForeignGround(species, reference=reference, training=training)
    body: Body = resolve(species.body, what=f"species '{species.name}'")
    return BatchGround(body, reference=reference, training=training)


class BatchGround:
    """The ground of a MuJoCo animal."""

    def __init__(
        self, body: Body, *, reference: Mapping[str, Any], training: Mapping[str, Any]
    ) -> None:
        self._body, self._reference, self._training = body, dict(reference), dict(training)
        self._model = load_model(body.model)
        for settings in (reference, training):
            Lanes(body, settings, 1, model=self._model).close()

    def training_envs(self, n_envs: int, *, seed: int) -> VecEnv:
        # Here and not above: it brings torch, which who only plays has no need of.
        from mesosweep.envs.vec import BatchVecEnv

        # A model of its own: training must not share anything with what judges it.
        lanes = Lanes(self._body, self._training, n_envs, metrics={})
        return BatchVecEnv(lanes, seed=seed)

    def play(self, policy: Policy, seeds: Sequence[int]) -> tuple[Episode, ...]:
        """Play one episode per seed; the same seed gives the same episode in any company."""
        chunks = (seeds[i : i + _LANES] for i in range(0, len(seeds), _LANES))
        return tuple(episode for chunk in chunks for episode in self._play(policy, chunk))

    def observation_space(self) -> Any:
        return observation_space(self._body)

    def action_space(self) -> Any:
        return action_space(self._model)

    def mirror(self) -> Mirror | None:
        return self._body.mirror

    def _play(self, policy: Policy, seeds: Sequence[int]) -> list[Episode]:
        lanes = Lanes(self._body, self._reference, len(seeds), model=self._model)
        for lane, seed in enumerate(seeds):
            lanes.seed(lane, seed)
        lanes.begin(range(lanes.n))
        places = list(range(lanes.n))
        episodes: dict[int, Episode] = {}
        with closing(lanes):  # a policy may raise: playing can be broken off
            while places:
                stepped = lanes.step(in_equal_blocks(policy, lanes.observe()))
                if stepped.episodes:
                    episodes |= {places[lane]: found for lane, found in stepped.episodes.items()}
                    # Who is done leaves: the rest cost less, and no short episode gets a second go.
                    going = [lane for lane in range(lanes.n) if lane not in stepped.episodes]
                    lanes.keep(going)
                    places = [places[lane] for lane in going]
        return [episodes[place] for place in range(len(seeds))]


def in_equal_blocks(policy: Policy, observations: Array) -> Array:
    """Ask a policy in blocks of always the same height, the last one padded.

    A matrix product rounds differently for another number of rows, which would make an
    episode depend on how many are played beside it.
    """
    n = len(observations)
    rows = -(-n // _ROWS) * _ROWS
    padded = np.empty((rows, *observations.shape[1:]), observations.dtype)
    padded[:n], padded[n:] = observations, observations[-1]
    blocks = [policy(padded[first : first + _ROWS]) for first in range(0, rows, _ROWS)]
    return np.concatenate(blocks)[:n]


def zero_policy(ground: Ground) -> Policy:
    """Return the policy that does nothing: action 0, the home pose of a body."""
    space = ground.action_space()
    action = np.clip(np.zeros(space.shape, space.dtype), space.low, space.high)
    return lambda observations: np.repeat(action[None], len(observations), axis=0)


def random_policy(ground: Ground, seed: int) -> Policy:
    """Return a policy of uniformly random actions.

    An action is drawn from the seed and the observation alone, so that an episode does
    not depend on what is played beside it.
    """
    space = ground.action_space()
    words = int(np.prod(space.shape))

    def act(observations: Array) -> Array:
        drawn = b"".join(
            hashlib.shake_256(b"%d/" % seed + row.tobytes()).digest(4 * words)
            for row in observations
        )
        share = np.frombuffer(drawn, np.uint32).reshape(len(observations), *space.shape) / 2**32
        actions: Array = (space.low + share * (space.high - space.low)).astype(space.dtype)
        return actions

    return act
