"""The plant is the one that was described: weight, stance, contacts, servos, symmetry."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Any

import mujoco
import numpy as np
import pytest

from mesosweep.envs.model import load_model
from mesosweep_trex.body import BODY
from mesosweep_trex.plant import FEET, HOME_HEIGHT_M, MASS_KG, SERVOS

WEIGHT_N = MASS_KG * 9.81
SOLES = {geom for foot in FEET.each for geom in foot.geoms}


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model(BODY.model)


@pytest.fixture
def data(model: Any) -> Any:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return data


def changed(change: Callable[[Any], None]) -> Any:
    """Return the model with something changed about it."""
    with as_file(files("mesosweep_trex").joinpath("assets/trex.xml")) as file:
        spec = mujoco.MjSpec.from_file(str(file))
    change(spec)
    return spec.compile()


def stood(model: Any, seconds: float, *, noise: float = 0.0, seed: int = 0) -> Any:
    """Return the animal after `seconds` of action 0."""
    rng, data = np.random.default_rng(seed), mujoco.MjData(model)
    data.qpos[7:] += rng.uniform(-noise, noise, model.nq - 7)
    data.qvel[6:] += rng.uniform(-2 * noise, 2 * noise, model.nv - 6)
    while data.time < seconds:
        mujoco.mj_step(model, data)
    return data


def is_up(data: Any) -> bool:
    x, y = data.qpos[4:6]
    return bool(data.qpos[2] > 0.85 and 1 - 2 * (x * x + y * y) > np.cos(0.2))


# ── what it is ───────────────────────────────────────────────────────────────


def test_home_is_zero_everywhere(model: Any) -> None:
    assert model.qpos0[2] == pytest.approx(HOME_HEIGHT_M)
    np.testing.assert_array_equal(model.qpos0[3:7], (1, 0, 0, 0))
    np.testing.assert_array_equal(model.qpos0[7:], 0)
    np.testing.assert_array_equal(model.qpos_spring[7:], 0)


# ── contacts ─────────────────────────────────────────────────────────────────


def test_at_home_nothing_touches_but_soles_and_floor(model: Any, data: Any) -> None:
    pairs = [{model.geom(g).name for g in contact.geom} for contact in data.contact]

    assert {name for pair in pairs for name in pair} == SOLES | {"floor"}
    assert all(abs(contact.dist) < 1e-9 for contact in data.contact)


def test_at_home_no_part_lies_in_another() -> None:
    """Were every part solid for every other, none would overlap but those that a joint connects."""

    def everything_collides(spec: Any) -> None:
        for geom in spec.geoms:
            if geom.classname.name != "hide":
                geom.contype = geom.conaffinity = 1

    model = changed(everything_collides)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    pairs = [{model.geom(g).name for g in contact.geom} for contact in data.contact]

    assert all("floor" in pair and pair - {"floor"} <= SOLES for pair in pairs)


def test_the_animal_can_never_touch_itself(model: Any) -> None:
    own = [g for g in range(model.ngeom) if model.geom_bodyid[g] not in (0, model.body("prey").id)]

    for i in own:
        for j in own:
            assert not model.geom_contype[i] & model.geom_conaffinity[j]


def test_only_snout_and_jaw_can_touch_the_prey_and_they_touch_nothing_else(model: Any) -> None:
    def able(other: str) -> set[str]:
        g = model.geom(other).id
        return {
            model.geom(i).name
            for i in range(model.ngeom)
            if model.geom_contype[i] & model.geom_conaffinity[g]
            or model.geom_contype[g] & model.geom_conaffinity[i]
        }

    assert able("prey") == {"snout", "jaw"}
    assert not able("floor") & {"snout", "jaw"}


def test_skin_is_weightless_and_untouchable() -> None:
    model = load_model(BODY.model, visual=True)
    skin = [g for g in range(model.ngeom) if model.geom_group[g] == 2]

    assert len(skin) > 100
    assert not model.geom_contype[skin].any()
    assert not model.geom_conaffinity[skin].any()
    assert model.body("pelvis").subtreemass[0] == pytest.approx(MASS_KG, abs=1e-6)


# ── standing ─────────────────────────────────────────────────────────────────


def test_it_stands_for_ten_seconds_and_its_feet_feel_the_whole_weight(model: Any) -> None:
    data = stood(model, 10.0, noise=0.01)

    felt = [float(data.sensor(f"{side}_load").data[0]) for side in ("left", "right")]
    assert is_up(data)
    assert sum(felt) == pytest.approx(WEIGHT_N, rel=0.005)
    assert felt[0] == pytest.approx(felt[1], rel=0.02)


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_it_stands_with_weaker_and_with_stronger_servos_too(factor: float) -> None:
    def scale(spec: Any) -> None:
        for servo in spec.actuators:
            servo.gainprm[0] *= factor
            servo.biasprm[1:3] *= factor

    model = changed(scale)
    for seed in range(4):
        assert is_up(stood(model, 10.0, noise=0.01, seed=seed))


@pytest.mark.parametrize("joint", ["hip_pitch", "knee", "ankle", "toe"])
def test_no_single_joint_holds_it_up(joint: str) -> None:
    def halve(spec: Any) -> None:
        for servo in spec.actuators:
            if servo.name.endswith(joint):
                servo.gainprm[0] *= 0.5
                servo.biasprm[1:3] *= 0.5

    assert is_up(stood(changed(halve), 10.0, noise=0.01))


def test_standing_takes_little_of_what_the_servos_can_do(model: Any) -> None:
    data = stood(model, 5.0)

    share = np.abs(data.actuator_force) / model.actuator_forcerange[:, 1]
    assert share.mean() < 0.02
    assert share.max() < 0.05


def test_the_weight_lies_over_the_feet(model: Any, data: Any) -> None:
    toe_tip = data.geom("left_d3").xpos[0] + 0.09
    ahead = data.subtree_com[model.body("pelvis").id][0]

    assert data.site("left_pad").xpos[0] + 0.04 < ahead < toe_tip - 0.1


# ── servos ───────────────────────────────────────────────────────────────────


def test_no_servo_is_told_or_able_to_do_more_than_it_should(model: Any) -> None:
    low, high = SERVOS.targets(model)
    for i in range(model.nu):
        least, most = model.jnt_range[model.actuator_trnid[i, 0]]
        assert least - 1e-9 <= model.actuator_ctrlrange[i, 0] <= low[i] < 0 < high[i]
        assert high[i] <= model.actuator_ctrlrange[i, 1] <= most + 1e-9
        strength = 1.5 * model.actuator_gainprm[i, 0]
        np.testing.assert_allclose(model.actuator_forcerange[i], (-strength, strength))


def test_no_servo_is_cut_short_by_wild_actions(model: Any) -> None:
    rng, data = np.random.default_rng(0), mujoco.MjData(model)
    low, high = SERVOS.targets(model)
    cut, seen = 0, 0
    for step in range(400):
        if step % 40 == 0:
            mujoco.mj_resetData(model, data)
        data.ctrl[:] = rng.uniform(low, high)
        mujoco.mj_step(model, data, 4)
        cut += int((np.abs(data.actuator_force) >= model.actuator_forcerange[:, 1]).sum())
        seen += model.nu

    assert cut == 0, f"{cut} of {seen} servo steps"


def test_wild_actions_never_break_the_simulation(model: Any) -> None:
    rng, data = np.random.default_rng(1), mujoco.MjData(model)
    for step in range(3000):
        if step % 100 == 0:
            mujoco.mj_resetData(model, data)
        data.ctrl[:] = rng.uniform(*model.actuator_ctrlrange.T)
        mujoco.mj_step(model, data, 4)

        assert np.isfinite(data.qpos).all()
        assert np.abs(data.qvel).max() < 200
    assert not any(data.warning[i].number for i in range(len(data.warning)))


# ── left and right ───────────────────────────────────────────────────────────


def test_left_is_the_mirror_image_of_right() -> None:
    """Every number that the file says of the right is said of the left, with y turned."""
    with as_file(files("mesosweep_trex").joinpath("assets/trex.xml")) as file:
        spec = mujoco.MjSpec.from_file(str(file))
    model = spec.compile()
    sides = [name for i in range(model.nbody) if (name := model.body(i).name).startswith("left_")]

    assert len(sides) == 4
    for left in (model.body(name) for name in sides):
        right = model.body(re.sub("^left", "right", left.name))
        np.testing.assert_allclose(left.pos * (1, -1, 1), right.pos, atol=1e-12)
        np.testing.assert_allclose(left.ipos * (1, -1, 1), right.ipos, atol=1e-12)
        np.testing.assert_allclose(left.inertia, right.inertia, atol=1e-12)
        assert left.mass[0] == right.mass[0]
    for name in ("pelvis", "neck", "head", "tail1", "tail2", "tail3"):
        assert model.body(name).ipos[1] == pytest.approx(0, abs=1e-12)


def test_mirrored_actions_give_the_mirrored_motion(model: Any) -> None:
    rng, mirror = np.random.default_rng(0), BODY.mirror
    assert mirror is not None
    plain, mirrored = mujoco.MjData(model), mujoco.MjData(model)
    low, high = SERVOS.targets(model)
    source, sign = list(mirror.action_source), np.asarray(mirror.action_sign)
    for _ in range(40):
        action = rng.uniform(-0.5, 0.5, model.nu)
        for data, act in ((plain, action), (mirrored, action[source] * sign)):
            data.ctrl[:] = np.where(act > 0, act * high, -act * low)
            mujoco.mj_step(model, data, 4)

    assert np.abs(plain.qpos[1]) > 1e-6
    np.testing.assert_allclose(plain.qpos[1], -mirrored.qpos[1], atol=1e-12)
    np.testing.assert_allclose(plain.qpos[[0, 2]], mirrored.qpos[[0, 2]], atol=1e-12)
