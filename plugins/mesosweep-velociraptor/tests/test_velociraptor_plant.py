"""The plant is the one that was described: weight, stance, contacts, servos, symmetry."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import mujoco
import numpy as np
import pytest

from mesosweep.terms import soles
from mesosweep_velociraptor.body import RAPTOR

FOOT_PARTS = ("pad", "d3", "d4")
HOME_HEIGHT_M = 0.4992


@pytest.fixture(scope="module")
def model() -> Any:
    path = files("mesosweep_velociraptor").joinpath("assets/raptor.xml")
    return mujoco.MjModel.from_xml_path(str(path))


@pytest.fixture
def data(model: Any) -> Any:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return data


def test_home_is_zero_everywhere(model: Any) -> None:
    assert model.qpos0[2] == pytest.approx(HOME_HEIGHT_M)
    np.testing.assert_array_equal(model.qpos0[3:7], (1, 0, 0, 0))
    np.testing.assert_array_equal(model.qpos0[7:], 0)
    np.testing.assert_array_equal(model.qpos_spring[7:], 0)


def test_at_home_nothing_touches_but_soles_and_floor(model: Any, data: Any) -> None:
    soles = {f"{side}_{part}" for side in ("left", "right") for part in FOOT_PARTS}
    pairs = [{model.geom(g).name for g in contact.geom} for contact in data.contact]

    assert pairs
    assert all("floor" in pair and (pair - {"floor"}) <= soles for pair in pairs)
    assert all(contact.dist > -1e-3 for contact in data.contact)


def test_the_animal_can_never_touch_itself(model: Any) -> None:
    own = [g for g in range(model.ngeom) if model.geom_bodyid[g] not in (0, model.body("prey").id)]

    for i in own:
        for j in own:
            assert not model.geom_contype[i] & model.geom_conaffinity[j]


def test_the_prey_is_a_place_and_no_obstacle(model: Any) -> None:
    prey = model.geom("prey").id

    assert not model.geom_contype[prey]
    assert not model.geom_conaffinity[prey]
    assert model.geom_size[prey, 0] == 0.15
    assert model.body_pos[model.body("prey").id, 2] == 0.3


def test_the_weight_lies_over_the_toes(model: Any, data: Any) -> None:
    ahead_of_pad = data.subtree_com[model.body("pelvis").id][0] - data.site("left_pad").xpos[0]

    assert 0.015 < ahead_of_pad < 0.06


def test_no_servo_is_told_or_able_to_do_more_than_it_should(model: Any) -> None:
    low, high = RAPTOR.servos.targets(model)
    for i in range(model.nu):
        least, most = model.jnt_range[model.actuator_trnid[i, 0]]
        assert least - 1e-9 <= model.actuator_ctrlrange[i, 0] <= low[i] < 0 < high[i]
        assert high[i] <= model.actuator_ctrlrange[i, 1] <= most + 1e-9
        strength = 1.5 * model.actuator_gainprm[i, 0]
        np.testing.assert_allclose(model.actuator_forcerange[i], (-strength, strength))


def test_dress_is_weightless_and_untouchable(model: Any) -> None:
    dress = [g for g in range(model.ngeom) if model.geom_group[g] == 2]

    assert len(dress) > 50
    assert not model.geom_contype[dress].any()
    assert not model.geom_conaffinity[dress].any()


def test_the_lowest_sole_is_what_touches_the_ground_first(model: Any, data: Any) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        data.qpos[:] = model.qpos0
        data.qpos[7:] = rng.uniform(-0.3, 0.3, 24)
        mujoco.mj_forward(model, data)

        lowest = soles.lowest(model, data, RAPTOR.feet.geoms)

        data.qpos[2] -= lowest + 1e-4
        mujoco.mj_forward(model, data)
        assert min(contact.dist for contact in data.contact) == pytest.approx(-1e-4, abs=1e-9)
