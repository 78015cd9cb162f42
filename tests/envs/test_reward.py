"""What a step is worth: all terms, weighed, added up at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hopper_species.plant import BODY, SETTINGS

from mesosweep.domain.errors import SettingsError
from mesosweep.envs.reward import Reward
from mesosweep.ports import Batch, Body
from mesosweep.terms import costs, pays
from mesosweep.testing.batch import made_up

NONE = np.zeros(2, np.bool_)


def first(batch: Batch) -> Any:
    return batch.qvel[:, 0]


def paying(**terms: Any) -> Body:
    return replace(BODY, rewards=terms)


def test_the_reward_is_the_weighted_sum_of_plain_terms_and_of_terms_as_data() -> None:
    body = paying(plain=first, paid=pays(first, full=4.0), cost=costs(first, full="top"))
    settings = {"plain": 1.0, "paid": 10.0, "cost": 100.0, "top": 2.0}
    batch = made_up(n=2, qvel=[[1.0], [8.0]], settings=settings)

    total = Reward(body, settings, 2).of(batch, NONE)

    np.testing.assert_allclose(total, [1 + 2.5 - 50, 8 + 10 - 100])
    by_hand = sum(settings[name] * term(batch) for name, term in body.rewards.items())
    np.testing.assert_allclose(total, by_hand)


def test_a_term_that_weighs_nothing_is_not_computed() -> None:
    def never(batch: Batch) -> Any:
        raise AssertionError(batch)

    body = paying(plain=first, unused=never)
    batch = made_up(n=2, qvel=[[1.0], [2.0]])

    total = Reward(body, {"plain": 1.0, "unused": 0.0}, 2).of(batch, NONE)

    np.testing.assert_array_equal(total, [1.0, 2.0])


def test_a_lane_is_paid_bit_for_bit_alike_in_any_company() -> None:
    def power(i: int) -> Any:
        return lambda batch: first(batch) ** (i / 7)

    terms = {f"term{i}": power(i) for i in range(20)}
    settings = dict.fromkeys(terms, 0.1)
    values = np.random.default_rng(0).uniform(0.1, 9.0, (9, 1))
    together = Reward(paying(**terms), settings, 9).of(
        made_up(n=9, qvel=values), np.zeros(9, np.bool_)
    )

    for lane in range(9):
        alone = made_up(qvel=values[lane : lane + 1])
        paid = Reward(paying(**terms), settings, 1).of(alone, np.zeros(1, np.bool_))
        assert paid[0] == together[lane]


def test_a_lane_that_diverged_is_paid_nothing_for_what_is_no_number() -> None:
    batch = made_up(n=2, qvel=[[np.nan], [2.0]])

    total = Reward(paying(plain=first), {"plain": 1.0}, 2).of(batch, np.array([True, False]))

    np.testing.assert_array_equal(total, [0.0, 2.0])


def test_any_other_term_that_is_no_number_is_named() -> None:
    batch = made_up(n=2, qvel=[[np.inf], [2.0]])

    with pytest.raises(FloatingPointError, match="'plain'"):
        Reward(paying(plain=first), {"plain": 1.0}, 2).of(batch, NONE)


def test_a_weight_that_is_missing_is_an_error() -> None:
    with pytest.raises(SettingsError, match="alive_weight"):
        Reward(BODY, {k: v for k, v in SETTINGS.items() if k != "alive_weight"}, 1)
