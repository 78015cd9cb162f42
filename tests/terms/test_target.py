"""Reaching a prey, once or in a hunt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from table_species import SETTINGS, TABLE

from mesosweep.domain.errors import SettingsError
from mesosweep.envs.batch import Lanes
from mesosweep.ports import Batch
from mesosweep.terms import Target
from mesosweep.testing.batch import made_up

HOME = [0.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0]
CLAWS = Target(tips=("left_claw", "right_claw"), sight_m=1.0)


def hunting(
    *,
    prey: Any = (1.0, 0.0, 0.3),
    claw: Any = (1.0, 0.0, 0.3),
    far: Any = (0.0, 0.0, 0.0),
    **more: Any,
) -> Batch:
    given: dict[str, Any] = {
        "settings": {"task": True, "hunt": False, "target_radius_m": 0.15, "goal_reach_m": 0.0},
        "memory": {"tip_distance": [[0.0, 0.0, np.inf]], "goal_distance": [[0.0, 0.0]]},
        "sensors": {"left_claw": [claw], "right_claw": [far], "feel": [[0.0]]},
        "failed": [False],
    }
    return made_up(qpos=[HOME], qvel=np.zeros((1, 6)), mocap_pos=[[prey]], **{**given, **more})


def a_hunt(*, gives_up: bool = True, **more: Any) -> Batch:
    settings = {
        "task": True,
        "hunt": True,
        "hunt_gives_up": gives_up,
        "target_radius_m": 0.15,
        "goal_reach_m": 0.0,
    }
    return hunting(settings=settings, **more)


@pytest.mark.parametrize(("apart", "is_hit"), [(0.149, True), (0.151, False)])
def test_a_hit_is_any_tip_inside_the_target(apart: float, is_hit: bool) -> None:
    batch = hunting(claw=(1.0, apart, 0.3))

    assert CLAWS.hit(batch).tolist() == [is_hit]
    assert CLAWS.nearest(batch)[0] == pytest.approx(apart)


def test_a_tip_that_was_inside_at_any_physics_step_has_hit() -> None:
    swept = [[[0.5, 0, 0.3], [1.05, 0, 0.3], [1.6, 0, 0.3]]]
    still = [[[0.0, 0, 0.0]] * 3]

    assert CLAWS.hit(hunting(sensors={"left_claw": swept, "right_claw": still})).all()


@pytest.mark.parametrize("felt", [0.0, 3.0])
def test_where_a_touch_is_asked_for_nearness_alone_is_no_hit(felt: float) -> None:
    mouth = Target(tips=("left_claw",), touches=("feel",))
    batch = hunting(sensors={"left_claw": [(1.0, 0.0, 0.3)], "feel": [[felt]]})

    assert mouth.hit(batch).tolist() == [felt > 0]


def test_a_hit_is_success_but_in_a_hunt_an_event() -> None:
    assert CLAWS.success(hunting()).tolist() == [True]
    assert CLAWS.success(a_hunt()).tolist() == [False]
    assert CLAWS.bonus(a_hunt()).tolist() == [1.0]
    assert CLAWS.wanted(a_hunt()).tolist() == [True]
    assert CLAWS.wanted(hunting()).tolist() == [False]


def test_who_falls_is_paid_for_no_hit() -> None:
    assert CLAWS.bonus(hunting(failed=[True])).tolist() == [0.0]


def test_prey_that_was_passed_is_a_miss_in_a_hunt_alone() -> None:
    behind: dict[str, Any] = {"prey": (-1.0, 0.0, 0.3), "claw": (1.0, 0.0, 0.3)}

    assert CLAWS.miss(a_hunt(**behind)).tolist() == [1.0]
    assert CLAWS.wanted(a_hunt(**behind)).tolist() == [True]
    assert CLAWS.miss(hunting(**behind)).tolist() == [0.0]


def test_a_hunt_that_does_not_give_up_goes_back_for_what_it_passed() -> None:
    behind = a_hunt(gives_up=False, prey=(-1.0, 0.0, 0.3), claw=(1.0, 0.0, 0.3))

    assert CLAWS.miss(behind).tolist() == [0.0]
    assert CLAWS.wanted(behind).tolist() == [False]
    assert CLAWS.wanted(a_hunt(gives_up=False)).tolist() == [True], "struck: the next one"


def test_prey_that_is_hit_while_passed_is_no_miss() -> None:
    passing = a_hunt(prey=(-0.05, 0.0, 0.3), claw=(0.0, 0.0, 0.3))

    assert CLAWS.bonus(passing).tolist() == [1.0]
    assert CLAWS.miss(passing).tolist() == [0.0]


@pytest.mark.parametrize("stage_has_task", [True, False])
def test_only_a_stage_with_a_task_pays_for_it(stage_has_task: bool) -> None:
    settings = {"task": stage_has_task, "hunt": False, "target_radius_m": 0.15, "goal_reach_m": 0.0}
    memory = {"tip_distance": [[0.5, 0.53, 0.5]], "goal_distance": [[0.5, 0.53]]}
    batch = hunting(settings=settings, memory=memory)

    paid = [CLAWS.bonus(batch), CLAWS.approach(batch), CLAWS.proximity(batch)]

    assert (np.array(paid) > 0).all() == stage_has_task
    assert np.any(paid) == stage_has_task


def test_nearing_pays_within_a_metre_and_leaving_takes_it_back() -> None:
    def paid(then: float, now: float) -> float:
        memory = {"tip_distance": [[now, then, 0.0]], "goal_distance": [[0, 0]]}
        return float(CLAWS.proximity(hunting(memory=memory))[0])

    assert paid(0.80, 0.77) == pytest.approx(0.5)
    assert paid(0.77, 0.80) == pytest.approx(-0.5)
    assert paid(5.0, 4.0) == 0.0


def test_the_jump_to_a_new_target_is_no_approach() -> None:
    batch = hunting(memory={"tip_distance": [[-1.0, -1.0, 0.2]], "goal_distance": [[0, 0]]})

    CLAWS.keep(batch)
    CLAWS.keep_least(batch)

    assert CLAWS.proximity(batch).tolist() == [0.0]
    np.testing.assert_allclose(batch.memory["tip_distance"], [[0.0, 0.0, 0.0]], atol=1e-12)


def test_the_tips_see_ahead_left_and_up_as_far_as_they_can() -> None:
    batch = hunting(prey=(3.0, 0.25, 0.1), claw=(0.5, 0.5, 0.0), far=(0.5, -0.5, 0.0))

    np.testing.assert_allclose(CLAWS.seen(batch), [[1.0, 0.25, 0.1]])


def test_no_target_comes_free() -> None:
    lanes = Lanes(TABLE.body(model="table_species:table.xml", frame_skip=4), SETTINGS, 200)
    for lane in range(200):
        lanes.seed(lane, lane)
    lanes.begin(range(200))

    apart = np.linalg.norm(lanes.mocap_pos[:, 0] - lanes.sensor("nose"), axis=1)

    assert apart.min() > 0.45  # .5 m from where the nose is at home, less the noise of the start


def test_a_stage_that_leaves_no_place_for_a_target_is_told() -> None:
    near = {**SETTINGS, "goal_min_m": 0.4, "goal_max_m": 0.5, "goal_lateral_m": 0.1}

    with pytest.raises(SettingsError, match=r"0\.5 m from where the animal's tip rests"):
        Lanes(TABLE.body(model="table_species:table.xml", frame_skip=4), near, 1).begin([0])
