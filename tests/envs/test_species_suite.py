"""The suite finds what it promises to find: each fault planted here makes one check fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hopper_species.plant import BODY, SETTINGS

from mesosweep.ports import Batch, Body
from mesosweep.testing.species import SpeciesSuite

SUITE = SpeciesSuite()


def rewarded(term: Any) -> Body:
    return replace(BODY, rewards={**BODY.rewards, "energy_weight": term})


def test_it_finds_a_term_that_mixes_lanes() -> None:
    body = rewarded(lambda b: np.full(b.n, b.action.mean()))

    with pytest.raises(AssertionError, match="reward"):
        SUITE.test_a_lane_of_many_equals_a_batch_of_one_bit_for_bit(body, SETTINGS)


def test_it_finds_state_kept_outside_of_memory() -> None:
    steps = {"taken": 0}

    def control(batch: Batch, action: Any) -> Any:
        del batch
        steps["taken"] += 1
        return action * 0.5 * (steps["taken"] % 7) / 7

    with pytest.raises(AssertionError):
        SUITE.test_a_restored_snapshot_goes_on_bit_for_bit(replace(BODY, control=control), SETTINGS)


def test_it_finds_a_term_of_the_wrong_shape() -> None:
    body = rewarded(lambda b: b.action[:, 0].mean())

    with pytest.raises(AssertionError, match="energy_weight"):
        SUITE.test_what_is_judged_is_one_finite_number_per_lane(body, SETTINGS)


def test_it_finds_a_test_that_answers_in_numbers() -> None:
    numbers: Any = lambda b: np.zeros(b.n)  # noqa: E731  # Any: a plugin need not be typed
    body = replace(BODY, terminations={"low": numbers})

    with pytest.raises(AssertionError, match="low"):
        SUITE.test_what_is_judged_is_one_finite_number_per_lane(body, SETTINGS)


def test_it_finds_observations_that_are_clipped() -> None:
    body = replace(BODY, observation_high=[1.0] * 6 + [0.5] * 8)

    with pytest.raises(AssertionError, match="up_z"):
        SUITE.test_few_observations_are_clipped(body, SETTINGS)


def test_it_finds_an_action_zero_that_is_not_the_home_pose() -> None:
    body = replace(BODY, control=lambda b, action: action * 0.5 + 0.1)

    with pytest.raises(AssertionError, match=r"aims at 0\.1, its home is 0"):
        SUITE.test_action_zero_is_the_home_pose(body, SETTINGS)


def test_it_finds_an_action_beyond_the_joints() -> None:
    body = replace(BODY, control=lambda b, action: action * 2.0)

    with pytest.raises(AssertionError, match="beyond"):
        SUITE.test_no_action_asks_for_more_than_a_joint_can_do(body, SETTINGS)
