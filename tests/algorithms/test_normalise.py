"""Our running normalisation is SB3's, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecNormalize

from mesosweep.algorithms._normalise import Normaliser
from mesosweep.testing.tiny import TinyEnvs


@pytest.mark.parametrize("lanes", [1, 4, 33])
@pytest.mark.parametrize("norm_reward", [True, False])
def test_it_returns_what_vecnormalize_returns(lanes: int, norm_reward: bool) -> None:
    rng = np.random.default_rng(0)
    ours = Normaliser(TinyEnvs(lanes, seed=1), gamma=0.97, norm_reward=norm_reward)
    theirs = VecNormalize(TinyEnvs(lanes, seed=1), gamma=0.97, norm_reward=norm_reward)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())

    for _ in range(200):
        actions = rng.normal(size=(lanes, 1)).astype(np.float32)
        found: Any = ours.step(actions)
        expected: Any = theirs.step(actions)

        for mine, wanted in zip(found[:3], expected[:3], strict=True):
            assert mine.dtype == wanted.dtype
            np.testing.assert_array_equal(mine, wanted)
        for mine, wanted in zip(found[3], expected[3], strict=True):
            assert mine.keys() == wanted.keys()
            if "terminal_observation" in mine:
                np.testing.assert_array_equal(
                    mine["terminal_observation"], wanted["terminal_observation"]
                )
    for name in ("mean", "var", "count"):
        for rms in ("obs_rms", "ret_rms"):
            np.testing.assert_array_equal(
                getattr(getattr(ours, rms), name), getattr(getattr(theirs, rms), name)
            )
