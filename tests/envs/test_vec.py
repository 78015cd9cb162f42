"""The training env: what stable-baselines3 may rely on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hopper_species.plant import BODY, SETTINGS
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecNormalize

from mesosweep.envs.batch import Lanes
from mesosweep.envs.vec import BatchVecEnv
from mesosweep.ports import Body


def opened(n: int = 3, *, body: Body = BODY, seed: int = 5, **settings: Any) -> Any:
    """Return a `BatchVecEnv`; Any, since a VecEnv's observations are a union of kinds."""
    return BatchVecEnv(Lanes(body, {**SETTINGS, **settings}, n, metrics={}), seed=seed)


def actions(steps: int, n: int) -> Any:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (steps, n, 3)).astype(np.float32)


def test_observations_rewards_and_ends_have_the_promised_kinds() -> None:
    env = opened()
    first = env.reset()

    observation, reward, ended, infos = env.step(np.zeros((3, 3), np.float32))

    for seen in (first, observation):
        assert isinstance(seen, np.ndarray)
        assert (seen.shape, seen.dtype) == ((3, 14), np.float32)
        assert all(env.observation_space.contains(row) for row in seen)
    assert (reward.shape, reward.dtype) == ((3,), np.float32)
    assert (ended.shape, ended.dtype) == ((3,), np.bool_)
    assert infos == [{}, {}, {}]


def test_a_lane_that_ends_is_begun_anew_and_tells_how_it_ended() -> None:
    env = opened(2, body=replace(BODY, terminations={"odd": lambda b: np.arange(b.n) == 1}))
    env.reset()

    observation, reward, ended, infos = env.step(np.zeros((2, 3), np.float32))

    assert ended.tolist() == [False, True]
    assert infos[0] == {}
    info = infos[1]
    assert info["TimeLimit.truncated"] is False
    assert info["reason"] == "odd"
    assert info["episode"]["l"] == 1
    assert info["episode"]["r"] == pytest.approx(float(reward[1]))
    assert not np.array_equal(info["terminal_observation"], observation[1])
    np.testing.assert_array_equal(env.lanes.steps, [1, 0])


def test_the_horizon_is_a_truncation() -> None:
    env = opened(1, body=replace(BODY, terminations={}), horizon_s=0.04)
    env.reset()
    env.step(np.zeros((1, 3), np.float32))

    *_, infos = env.step(np.zeros((1, 3), np.float32))

    assert infos[0]["TimeLimit.truncated"] is True
    assert "is_success" not in infos[0]


def test_success_is_told_where_there_is_a_task() -> None:
    body = replace(BODY, success=lambda b: np.ones(b.n, np.bool_), terminations={})
    env = opened(1, body=body, task=True)
    env.reset()

    *_, infos = env.step(np.zeros((1, 3), np.float32))

    assert infos[0]["is_success"] is True


def test_the_same_seed_trains_on_the_same_episodes() -> None:
    a, b, c = opened(seed=5), opened(seed=5), opened(seed=6)

    np.testing.assert_array_equal(a.reset(), b.reset())
    assert not np.array_equal(a.reset(), c.reset())


def test_a_lane_plays_the_same_whatever_the_number_of_lanes() -> None:
    few, many = opened(2), opened(6)
    np.testing.assert_array_equal(few.reset(), np.asarray(many.reset())[:2])

    for action in actions(80, 6):
        seen, reward, ended, _ = few.step(action[:2])
        all_seen, all_reward, all_ended, _ = many.step(action)
        np.testing.assert_array_equal(seen, np.asarray(all_seen)[:2])
        np.testing.assert_array_equal(reward, all_reward[:2])
        np.testing.assert_array_equal(ended, all_ended[:2])


def test_training_never_plays_an_episode_that_is_judged() -> None:
    env = opened(1, seed=5)
    judged = Lanes(BODY, SETTINGS, 1)
    judged.seed(0, 5)
    judged.begin([0])

    assert not np.array_equal(env.reset(), judged.observe())


def test_a_second_reset_goes_on_with_new_episodes() -> None:
    env = opened()

    assert not np.array_equal(env.reset(), env.reset())


def test_seeding_again_repeats_the_episodes() -> None:
    env = opened(seed=5)
    first = env.reset()

    env.seed(5)

    np.testing.assert_array_equal(env.reset(), first)


def test_training_goes_on_from_a_snapshot_bit_for_bit() -> None:
    env = opened(4)
    env.reset()
    script = actions(120, 4)
    for action in script[:50]:
        env.step(action)
    snapshot = env.env_method("snapshot")[0]
    seen = env.env_method("observe")[0]
    expected = [env.step(action)[:3] for action in script[50:]]

    other = opened(4, seed=99)
    other.reset()
    other.env_method("restore", snapshot)

    np.testing.assert_array_equal(other.env_method("observe")[0], seen)
    for action, wanted in zip(script[50:], expected, strict=True):
        for got, want in zip(other.step(action)[:3], wanted, strict=True):
            np.testing.assert_array_equal(got, want)


def test_a_setting_changes_in_the_running_env() -> None:
    env = opened(2)
    env.reset()

    env.env_method("change_setting", "alive_weight", 5.0)

    _, reward, _, _ = env.step(np.zeros((2, 3), np.float32))
    assert (reward > 4.0).all()


def test_a_method_answers_for_each_lane_asked() -> None:
    env = opened(3)

    assert len(env.env_method("snapshot", indices=[0, 2])) == 2
    assert env.get_attr("horizon") == [100, 100, 100]
    assert env.get_attr("render_mode", indices=1) == [None]


def test_a_single_lane_cannot_be_given_an_attribute() -> None:
    with pytest.raises(AttributeError, match="change_setting"):
        opened().set_attr("horizon", 3)


def test_it_passes_for_a_monitored_env() -> None:
    assert opened(2).env_is_wrapped(Monitor) == [True, True]


def test_it_works_under_vec_normalize() -> None:
    env = VecNormalize(opened(2))
    env.reset()

    for action in actions(60, 2):
        seen, *_ = env.step(action)

    assert np.isfinite(np.asarray(seen)).all()
    env.close()
