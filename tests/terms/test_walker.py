"""From a walker's data to an animal: the table, which has four feet and parallel hips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from table_species import BODY, SETTINGS, TABLE

from mesosweep.envs.batch import Lanes
from mesosweep.terms import soles
from mesosweep.testing.species import SpeciesSuite
from mesosweep.testing.walker import WalkerSuite

SUITE = SpeciesSuite()
STILL = np.zeros((4, len(TABLE.servos.names)))


def begun(n: int = 4, settings: Mapping[str, Any] = SETTINGS) -> Lanes:
    lanes = Lanes(BODY, settings, n)
    for lane in range(n):
        lanes.seed(lane, lane)
    lanes.begin(range(n))
    return lanes


def test_its_left_and_right_are_those_of_physics() -> None:
    SUITE.test_a_mirror_twice_is_none_at_all(BODY)
    SUITE.test_the_twin_of_an_action_has_the_twins_consequences(BODY, SETTINGS)


def test_a_wrong_mirror_is_found() -> None:
    assert BODY.mirror is not None
    wrong = replace(BODY, mirror=replace(TABLE, parallel=()).mirror)

    with pytest.raises(AssertionError):
        SUITE.test_the_twin_of_an_action_has_the_twins_consequences(wrong, SETTINGS)


def test_it_passes_what_every_body_must() -> None:
    SUITE.test_a_lane_of_many_equals_a_batch_of_one_bit_for_bit(BODY, SETTINGS)
    SUITE.test_a_restored_snapshot_goes_on_bit_for_bit(BODY, SETTINGS)
    SUITE.test_what_is_judged_is_one_finite_number_per_lane(BODY, SETTINGS)
    SUITE.test_few_observations_are_clipped(BODY, SETTINGS)


def test_an_episode_starts_with_the_lowest_sole_just_above_the_ground() -> None:
    lanes = begun()

    for lane in range(4):
        lowest = soles.lowest(lanes.model, lanes.scene(lane), TABLE.feet.geoms)
        assert lowest == pytest.approx(TABLE.clearance_m, abs=1e-12)


def test_starts_are_noisy_within_what_the_stage_sets() -> None:
    lanes = begun()

    noise = np.abs(lanes.qpos[:, 7:])
    assert 0.04 < noise.max() <= SETTINGS["start_noise_rad"]
    assert np.abs(lanes.qvel[:, 6:]).max() <= SETTINGS["start_noise_rad_s"]
    assert len({tuple(row) for row in lanes.qpos}) == 4


def test_pushes_come_when_the_stage_has_them_and_are_counted() -> None:
    pushed = begun(settings={**SETTINGS, "push_min_n_s": 1.0, "push_max_n_s": 2.0})
    calm = begun()

    for lanes in (pushed, calm):
        for _ in range(20):
            lanes.step(STILL)

    assert (pushed.memory["pushes"] >= 2).all()
    assert (calm.memory["pushes"] == 0).all()


def test_a_goal_that_is_reached_is_followed_by_another_one_ahead() -> None:
    lanes = begun(settings={**SETTINGS, "goal_reach_m": 0.5})
    lanes.step(STILL)
    lanes.mocap_pos[:, 0] = lanes.qpos[:, :3] + [0.1, 0.0, 0.0]

    first = lanes.step(STILL).reward
    goals = lanes.mocap_pos[:, 0].copy()
    second = lanes.step(STILL).reward

    assert (np.abs(lanes.mocap_pos[:, 0, :2] - goals[:, :2]).max(axis=1) > 0.1).all()
    # Paid once: for coming within the waypoint's reach.
    assert (first - second > 0.3 * SETTINGS["waypoint_bonus"]).all()


def test_a_part_that_hangs_low_is_down() -> None:
    lanes = begun(2)
    lanes.qpos[1, 2] -= 0.4
    lanes.sense()

    assert BODY.terminations["head_on_ground"](lanes).tolist() == [False, True]


def test_shared_quantities_are_computed_once_a_step() -> None:
    lanes = begun()
    lanes.step(STILL)

    assert TABLE.feet.load(lanes) is TABLE.feet.load(lanes)
    before = TABLE.feet.load(lanes)
    lanes.step(STILL)
    assert TABLE.feet.load(lanes) is not before


def test_the_tips_see_the_target_if_they_have_sight() -> None:
    blind = replace(TABLE, target=replace(TABLE.target, sight_m=0.0))
    senses = ["target_ahead", "target_left", "target_up"]

    assert list(BODY.observation_names)[-3:] == senses
    names = blind.body(model="table_species:table.xml", frame_skip=4).observation_names
    assert list(names) == list(BODY.observation_names)[:-3]


def test_what_only_metrics_need_is_kept_where_something_is_measured() -> None:
    measured, trained = Lanes(BODY, SETTINGS, 1), Lanes(BODY, SETTINGS, 1, metrics={})
    for lanes in (measured, trained):
        lanes.begin([0])
        lanes.step(STILL[:1])

    assert measured.memory["stood_s"].any()
    assert not trained.memory["stood_s"].any()


def test_own_terms_join_the_walkers() -> None:
    body = TABLE.body(
        model="table_species:table.xml",
        frame_skip=4,
        rewards={"calm_weight": lambda batch: np.ones(batch.n)},
        terminations={"bored": lambda batch: batch.steps > 3},
    )

    assert set(body.rewards) == {*BODY.rewards, "calm_weight"}
    assert set(body.terminations) == {"fallen", "tilted", "head_on_ground", "bored"}


def test_each_task_word_makes_its_own_settings() -> None:
    assert {name for name in BODY.rewards if name.startswith("cake")} == {
        *("cake_bonus", "cake_miss_penalty", "cake_approach_weight", "cake_proximity_weight"),
    }


# ── the suite of walkers finds what it promises to find ──────────────────────


class TableSuite(WalkerSuite):
    walker = TABLE

    def settings_of(self, stage: int) -> Mapping[str, Any]:
        del stage
        return SETTINGS


def test_the_suite_accepts_the_table() -> None:
    suite = TableSuite()

    suite.test_it_weighs_what_its_pushes_assume(BODY)
    suite.test_its_hinges_and_servos_are_in_the_models_order(BODY)
    suite.test_its_feet_feel_the_whole_weight(BODY)


def test_the_suite_finds_a_wrong_weight() -> None:
    class Heavy(TableSuite):
        walker = replace(TABLE, mass_kg=9.5)

    with pytest.raises(AssertionError):
        Heavy().test_it_weighs_what_its_pushes_assume(BODY)


def test_the_suite_finds_hinges_in_another_order() -> None:
    class Shuffled(TableSuite):
        walker = replace(TABLE, hinges=TABLE.hinges[::-1])

    with pytest.raises(AssertionError):
        Shuffled().test_its_hinges_and_servos_are_in_the_models_order(BODY)


def test_the_suite_finds_feet_that_feel_what_others_do() -> None:
    feet = tuple(replace(foot, loads=("front_left_load",)) for foot in TABLE.feet.each)

    class Numb(TableSuite):
        walker = replace(TABLE, feet=replace(TABLE.feet, each=feet))

    with pytest.raises(AssertionError):
        Numb().test_its_feet_feel_the_whole_weight(BODY)


def test_a_target_may_shrink_while_an_animal_trains() -> None:
    lanes = begun(2, {**SETTINGS, "task": True, "hunt": True, "target_radius_m": 10.0})
    assert TABLE.target.hit(lanes).all()

    lanes.change_setting("target_radius_m", 0.01)

    assert not TABLE.target.hit(lanes).any()
