"""The plant is the one that was described: weight, stance, contacts, servos, symmetry."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import mujoco
import numpy as np
import pytest

from mesosweep_velociraptor.plant import (
    ACTUATORS,
    HINGES,
    HOME_HEIGHT_M,
    MASS_KG,
    Feet,
    mirror_actions,
    mirror_hinges,
    targets,
)

FOOT_PARTS = ("pad", "d3", "d4")


@pytest.fixture(scope="module")
def model() -> Any:
    path = files("mesosweep_velociraptor").joinpath("assets/raptor.xml")
    return mujoco.MjModel.from_xml_path(str(path))


@pytest.fixture
def data(model: Any) -> Any:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return data


def test_it_weighs_what_the_pushes_assume(model: Any) -> None:
    assert model.body("pelvis").subtreemass[0] == pytest.approx(MASS_KG, abs=1e-6)


def test_the_code_knows_the_order_of_hinges_and_servos(model: Any) -> None:
    assert tuple(model.joint(i).name for i in range(1, model.njnt)) == HINGES
    assert tuple(model.actuator(i).name for i in range(model.nu)) == ACTUATORS


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


def test_only_claws_can_touch_the_prey(model: Any) -> None:
    prey = model.geom("prey").id
    able = [
        model.geom(g).name
        for g in range(model.ngeom)
        if model.geom_contype[g] & model.geom_conaffinity[prey]
        or model.geom_contype[prey] & model.geom_conaffinity[g]
    ]

    assert sorted(able) == ["left_claw", "right_claw"]


def test_the_feet_feel_the_whole_weight(model: Any, data: Any) -> None:
    while data.time < 6.0:
        mujoco.mj_step(model, data)

    felt = [
        sum(data.sensor(f"{side}_{part}_load").data[0] for part in FOOT_PARTS)
        for side in ("left", "right")
    ]
    assert sum(felt) == pytest.approx(MASS_KG * 9.81, rel=0.01)
    assert felt[0] == pytest.approx(felt[1], rel=0.01)


def test_the_weight_lies_over_the_toes(model: Any, data: Any) -> None:
    ahead_of_pad = data.subtree_com[model.body("pelvis").id][0] - data.site("left_pad").xpos[0]

    assert 0.015 < ahead_of_pad < 0.06


def test_no_servo_is_told_or_able_to_do_more_than_it_should(model: Any) -> None:
    low, high = targets(model)
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


def test_the_lowest_sole_is_found_without_the_simulation(model: Any, data: Any) -> None:
    rng = np.random.default_rng(3)
    soles = [model.geom(f"{s}_{part}").id for s in ("left", "right") for part in FOOT_PARTS]
    feet = Feet(model)
    for _ in range(5):
        data.qpos[7:] = rng.uniform(-0.4, 0.4, 24)
        mujoco.mj_kinematics(model, data)
        lowest = min(
            data.geom_xpos[g][2]
            - abs(data.geom_xmat[g].reshape(3, 3)[2, 2]) * model.geom_size[g, 1] * (part != 0)
            - model.geom_size[g, 0]
            for g, part in zip(soles, (0, 1, 2) * 2, strict=True)
        )

        found = feet.lowest(np.eye(3), data.qpos[7:]) + data.qpos[2]

        assert found == pytest.approx(lowest, abs=1e-9)


def test_mirrored_actions_give_the_mirrored_motion(model: Any) -> None:
    rng = np.random.default_rng(0)
    plain, mirrored = mujoco.MjData(model), mujoco.MjData(model)
    low, high = targets(model)
    for _ in range(40):
        action = rng.uniform(-1, 1, model.nu)
        for data, act in ((plain, action), (mirrored, mirror_actions(action))):
            data.ctrl[:] = np.where(act > 0, act * high, -act * low)
            mujoco.mj_step(model, data, 4)

    np.testing.assert_allclose(mirror_hinges(plain.qpos[7:]), mirrored.qpos[7:], atol=1e-6)
    np.testing.assert_allclose(plain.qpos[1], -mirrored.qpos[1], atol=1e-6)
