"""Where policies learn and are judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hopper_species import HOPPER, POLE
from hopper_species.plant import SETTINGS

from mesosweep.domain.errors import Interrupted, PluginError, SettingsError
from mesosweep.envs.foreign_vec import ForeignVecEnv
from mesosweep.envs.ground import in_equal_blocks, open_ground, random_policy, zero_policy
from mesosweep.plugins import Species
from mesosweep.ports import Array, Ground, Policy

POLE_SETTINGS = {"horizon_s": 1.0, "gravity": 9.81}
REMEMBERING = replace(POLE, make_env="hopper_species.pole:make_remembering_env")


def ground_of(species: Species, **training: Any) -> Ground:
    settings = SETTINGS if species.body else POLE_SETTINGS
    return open_ground(species, reference=settings, training={**settings, **training})


def network(inputs: int, outputs: int) -> Policy:
    torch.manual_seed(0)
    layers = torch.nn.Linear(inputs, 64), torch.nn.Tanh(), torch.nn.Linear(64, outputs)
    net = torch.nn.Sequential(*layers)

    def act(observations: Array) -> Array:
        with torch.no_grad():
            answer: Array = net(torch.as_tensor(observations)).clamp(-1.0, 1.0).numpy()
        return answer

    return act


@pytest.fixture(params=[HOPPER, POLE], ids=["body", "env"])
def ground(request: pytest.FixtureRequest) -> Ground:
    return ground_of(request.param)


# ── judging ──────────────────────────────────────────────────────────────────


def test_one_episode_is_played_per_seed_in_their_order(ground: Ground) -> None:
    episodes = ground.play(zero_policy(ground), [30, 10, 20])

    assert [episode.seed for episode in episodes] == [30, 10, 20]


def test_playing_is_broken_off_by_a_policy_that_raises(ground: Ground) -> None:
    zero = zero_policy(ground)
    left = iter(range(3))

    def impatient(observations: Array) -> Array:
        if next(left, None) is None:
            raise Interrupted("Stopped.")
        return zero(observations)

    with pytest.raises(Interrupted):
        ground.play(impatient, [1, 2])

    assert len(ground.play(zero, [1, 2])) == 2


def test_no_seeds_give_no_episodes(ground: Ground) -> None:
    assert ground.play(zero_policy(ground), []) == ()


def test_an_episode_of_a_network_does_not_depend_on_its_neighbours() -> None:
    ground = ground_of(HOPPER)
    policy = network(14, 3)

    many = ground.play(policy, range(150))

    assert ground.play(policy, [149, 3]) == (many[149], many[3])


def test_early_ends_count_once() -> None:
    ground = ground_of(HOPPER)

    episodes = ground.play(random_policy(ground, 0), range(20))

    assert len({episode.length for episode in episodes}) > 3
    assert len(episodes) == 20


def test_a_lane_that_is_done_is_not_simulated_on() -> None:
    ground = ground_of(HOPPER)
    asked: list[int] = []

    def policy(observations: Array) -> Array:
        asked.append(len(observations))
        return np.zeros((len(observations), 3))

    longest = max(episode.length for episode in ground.play(policy, range(64)))

    assert asked[0] == 32
    assert len(asked) < 2 * longest


def test_training_weights_do_not_reach_the_judge() -> None:
    generous = ground_of(HOPPER, alive_weight=100.0)

    assert generous.play(zero_policy(generous), [1, 2]) == ground_of(HOPPER).play(
        zero_policy(generous), [1, 2]
    )


def test_settings_that_make_no_env_are_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="horizon_s"):
        ground_of(HOPPER, horizon_s=-1.0)


def test_a_policy_is_always_asked_in_blocks_of_one_height() -> None:
    heights: list[int] = []

    def policy(observations: Array) -> Array:
        heights.append(len(observations))
        return observations * 2.0

    rows = np.arange(70.0).reshape(70, 1)

    np.testing.assert_array_equal(in_equal_blocks(policy, rows), rows * 2.0)
    assert heights == [32, 32, 32]


@pytest.mark.parametrize("n", [1, 2, 32, 33])
def test_a_block_lies_alike_in_memory_however_few_are_left(n: int) -> None:
    """A matrix product rounds differently for rows that lie column by column."""
    laid: list[bool] = []

    def policy(rows: Array) -> Array:
        laid.append(rows.flags.c_contiguous)
        return rows

    in_equal_blocks(policy, np.zeros((n, 14), np.float32))

    assert all(laid)


# ── baselines ────────────────────────────────────────────────────────────────


def test_random_actions_fill_the_space_evenly(ground: Ground) -> None:
    space = ground.action_space()
    width = ground.observation_space().shape[0]

    drawn = random_policy(ground, 0)(np.arange(2000.0 * width).reshape(2000, width))

    assert all(space.contains(action) for action in drawn)
    assert abs(drawn.mean()) < 0.05
    assert drawn.std() == pytest.approx(1 / np.sqrt(3), abs=0.03)


def test_random_actions_follow_their_seed(ground: Ground) -> None:
    seen = np.zeros((1, *ground.observation_space().shape))

    one, same, other = (random_policy(ground, seed)(seen) for seed in (1, 1, 2))

    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_zero_policy_holds_still(ground: Ground) -> None:
    action = zero_policy(ground)(np.zeros((2, *ground.observation_space().shape)))

    assert action.shape == (2, *ground.action_space().shape)
    assert not action.any()


# ── training ─────────────────────────────────────────────────────────────────


def test_training_sees_the_training_settings() -> None:
    env = ground_of(HOPPER, push=0.9).training_envs(2, seed=0)

    assert env.get_attr("settings")[0]["push"] == 0.9
    env.close()


def test_training_envs_have_the_spaces_of_the_ground(ground: Ground) -> None:
    env = ground.training_envs(2, seed=0)

    assert isinstance(env.observation_space, spaces.Box)
    assert env.observation_space == ground.observation_space()
    assert env.action_space == ground.action_space()
    assert env.num_envs == 2
    env.close()


def test_training_follows_its_seed(ground: Ground) -> None:
    first, same, other = (ground.training_envs(2, seed=seed) for seed in (1, 1, 2))

    seen: Any = first.reset()
    np.testing.assert_array_equal(seen, same.reset())
    assert not np.array_equal(seen, np.asarray(other.reset()))
    assert not np.array_equal(seen[0], seen[1])


def test_the_state_of_training_is_a_flat_mapping_of_arrays(ground: Ground) -> None:
    env = ground.training_envs(2, seed=0)
    env.reset()

    state = env.env_method("snapshot")[0]

    assert all(isinstance(array, np.ndarray) for array in state.values())


def test_an_ordinary_env_takes_a_new_setting_if_it_can() -> None:
    env = ground_of(POLE).training_envs(2, seed=0)

    env.env_method("change_setting", "gravity", 1.6)

    assert env.get_attr("gravity") == [1.6, 1.6]


def played(env: Any, steps: int) -> list[Any]:
    trace = []
    for _ in range(steps):
        seen, reward, ended, _ = env.step(np.full((2, 1), 0.2, np.float32))
        trace.append(np.concatenate([seen.ravel(), reward, ended]))
    return trace


def test_an_ordinary_env_that_remembers_goes_on_bit_for_bit() -> None:
    env = ground_of(REMEMBERING).training_envs(2, seed=0)
    env.reset()
    played(env, 7)
    state = env.env_method("snapshot")[0]
    expected = played(env, 60)

    other = ground_of(REMEMBERING).training_envs(2, seed=1)
    other.reset()
    other.env_method("restore", state)

    np.testing.assert_array_equal(played(other, 60), expected)


def test_an_ordinary_env_that_does_not_remember_begins_a_new_episode() -> None:
    env = ground_of(POLE).training_envs(2, seed=0)
    env.reset()
    played(env, 7)
    state = env.env_method("snapshot")[0]

    one, two = (ground_of(POLE).training_envs(2, seed=seed) for seed in (1, 2))
    for other in (one, two):
        other.reset()
        anew = other.env_method("restore", state)[0]
        np.testing.assert_array_equal(anew, [True, True])

    assert isinstance(one, ForeignVecEnv)
    assert one.get_attr("steps") == [0, 0]
    np.testing.assert_array_equal(one.env_method("observe")[0], two.env_method("observe")[0])


def test_an_ordinary_env_must_have_box_spaces() -> None:
    discrete = replace(POLE, make_env="hopper_species.pole:make_discrete_env")

    with pytest.raises(PluginError, match="action space must be a Box"):
        ground_of(discrete)
