"""The plant is the one that was described: weight, stance, contacts, servos, symmetry, looks."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from mesosweep.envs.model import load_model
from mesosweep_brachiosaurus.body import BODY
from mesosweep_brachiosaurus.plant import (
    FEET,
    HINGES,
    HOME_HEIGHT_M,
    HOME_TIP_M,
    LEGS,
    MASS_KG,
    SERVOS,
)

WEIGHT_N = MASS_KG * 9.81
FRONT, HIND = LEGS[:2], LEGS[2:]


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model(BODY.model)


@pytest.fixture(scope="module")
def dressed() -> Any:
    return load_model(BODY.model, visual=True)


@pytest.fixture
def data(model: Any) -> Any:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return data


def changed(change: Callable[[Any], None]) -> Any:
    """Return the model with something changed about it."""
    with as_file(files("mesosweep_brachiosaurus").joinpath("assets/brachiosaurus.xml")) as file:
        spec = mujoco.MjSpec.from_file(str(file))
    spec.compiler.discardvisual = True
    change(spec)
    return spec.compile()


def stood(model: Any, seconds: float, *, seed: int | None = None) -> Any:
    """Return the animal after `seconds` of action 0, begun at home or, with a seed, near it."""
    data = mujoco.MjData(model)
    if seed is not None:
        rng = np.random.default_rng(seed)
        data.qpos[7:] = rng.uniform(-0.01, 0.01, model.nq - 7)
        data.qvel[6:] = rng.uniform(-0.02, 0.02, model.nv - 6)
        data.qpos[2] += 0.01
    while data.time < seconds:
        mujoco.mj_step(model, data)
    return data


def is_up(data: Any) -> bool:
    x, y = data.qpos[4:6]
    return bool(data.qpos[2] > 1.1 and 1 - 2 * (x * x + y * y) > np.cos(0.1))


# ── what it is ───────────────────────────────────────────────────────────────


def test_it_weighs_what_the_pushes_assume(model: Any) -> None:
    assert model.body("trunk").subtreemass[0] == pytest.approx(MASS_KG, abs=1e-9)


def test_the_code_knows_the_order_of_hinges_and_servos(model: Any) -> None:
    assert tuple(model.joint(i).name for i in range(1, model.njnt)) == HINGES
    assert tuple(model.actuator(i).name for i in range(model.nu)) == SERVOS.names


def test_its_shoulders_stand_higher_than_its_hips_and_its_head_over_all(
    model: Any, data: Any
) -> None:
    shoulder = data.body("front_left_upper").xpos[2]
    hip = data.body("hind_left_upper").xpos[2]

    assert shoulder > 1.15 * hip
    assert data.sensor("head_tip").data[2] > 2.5 * shoulder
    np.testing.assert_allclose(data.sensor("head_tip").data, HOME_TIP_M, atol=1e-3)


# ── how it stands ────────────────────────────────────────────────────────────


def test_home_is_zero_everywhere(model: Any) -> None:
    assert model.qpos0[2] == pytest.approx(HOME_HEIGHT_M)
    np.testing.assert_array_equal(model.qpos0[3:7], (1, 0, 0, 0))
    np.testing.assert_array_equal(model.qpos0[7:], 0)
    np.testing.assert_array_equal(model.qpos_spring[7:], 0)


def test_at_home_nothing_touches_but_feet_and_floor(model: Any) -> None:
    data = stood(model, 0.1)
    pads = {geom for foot in FEET.each for geom in foot.geoms}
    pairs = [{model.geom(g).name for g in contact.geom} for contact in data.contact]

    assert {name for pair in pairs for name in pair} == pads | {"floor"}
    assert all("floor" in pair for pair in pairs)


def test_no_two_parts_overlap_at_home() -> None:
    """As if all could touch all; MuJoCo leaves out a body and its parent, which share a joint."""

    def let_all_touch(spec: Any) -> None:
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = 1 if geom.group == 3 or geom.name == "floor" else 0

    model = changed(let_all_touch)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)

    assert all(contact.dist > -1e-3 for contact in data.contact)


def test_it_stands_for_ten_seconds_and_hardly_sags(model: Any) -> None:
    data = stood(model, 10.0)

    assert is_up(data)
    assert data.qpos[2] == pytest.approx(HOME_HEIGHT_M, abs=0.01)
    assert np.degrees(2 * np.arcsin(abs(data.qpos[5]))) < 0.5
    assert np.abs(np.degrees(data.qpos[7:])).max() < 4.0


def test_its_weight_lies_between_its_feet(model: Any, data: Any) -> None:
    ahead = data.subtree_com[model.body("trunk").id][0]

    assert data.site("hind_left_pad").xpos[0] + 0.4 < ahead
    assert ahead < data.site("front_left_pad").xpos[0] - 0.4


def test_the_feet_feel_the_whole_weight(model: Any) -> None:
    data = stood(model, 6.0)

    felt = {leg: float(data.sensor(f"{leg}_load").data[0]) for leg in LEGS}
    assert sum(felt.values()) == pytest.approx(WEIGHT_N, rel=1e-4)
    assert felt["front_left"] == pytest.approx(felt["front_right"], rel=1e-6)
    assert felt["hind_left"] == pytest.approx(felt["hind_right"], rel=1e-6)


# ── its servos ───────────────────────────────────────────────────────────────


def test_no_servo_is_told_or_able_to_do_more_than_it_should(model: Any) -> None:
    low, high = SERVOS.targets(model)
    for i in range(model.nu):
        least, most = model.jnt_range[model.actuator_trnid[i, 0]]
        assert least - 1e-9 <= model.actuator_ctrlrange[i, 0] <= low[i] < 0 < high[i]
        assert high[i] <= model.actuator_ctrlrange[i, 1] <= most + 1e-9
        strength = 1.5 * model.actuator_gainprm[i, 0]
        np.testing.assert_allclose(model.actuator_forcerange[i], (-strength, strength))


def test_standing_takes_little_of_a_servos_strength(model: Any) -> None:
    data = stood(model, 6.0)

    share = np.abs(data.actuator_force) / model.actuator_forcerange[:, 1]
    assert share.mean() < 0.02
    assert share.max() < 0.06


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.5])
def test_it_stands_with_other_gains(factor: float) -> None:
    def scale(spec: Any) -> None:
        for actuator in spec.actuators:
            gains, biases = actuator.gainprm.copy(), actuator.biasprm.copy()
            gains[0] *= factor
            biases[1:3] *= factor
            actuator.gainprm, actuator.biasprm = gains, biases
            actuator.forcerange = np.asarray(actuator.forcerange) * factor

    model = changed(scale)

    assert model.actuator("neck1_pitch").gainprm[0] == pytest.approx(4000 * factor)
    assert all(is_up(stood(model, 10.0, seed=seed)) for seed in range(3))


def test_two_solver_iterations_would_do() -> None:
    def solve_less(spec: Any) -> None:
        spec.option.iterations = 2

    assert all(is_up(stood(changed(solve_less), 10.0, seed=seed)) for seed in range(3))


@pytest.mark.slow
def test_no_action_makes_it_diverge_or_clips_a_servo(model: Any) -> None:
    """20,000 steps here; 100,000 were measured (see the README)."""
    rng, data = np.random.default_rng(0), mujoco.MjData(model)
    low, high = SERVOS.targets(model)
    fastest = clipped = 0.0
    for step in range(20_000):
        action = rng.uniform(-1, 1, model.nu)
        data.ctrl[:] = np.where(action > 0, action * high, -action * low)
        mujoco.mj_step(model, data, 4)
        fastest = max(fastest, float(np.abs(data.qvel).max()))
        clipped += float((np.abs(data.actuator_force) >= model.actuator_forcerange[:, 1]).sum())
        if step % 250 == 249:
            assert data.time == pytest.approx(250 * 0.02)  # a divergence resets the clock
            mujoco.mj_resetData(model, data)

    assert fastest < 30
    assert clipped == 0


# ── left and right ───────────────────────────────────────────────────────────


def swapped(names: tuple[str, ...]) -> tuple[list[int], Any]:
    """Return which number each takes in the mirror, and its sign."""
    other = {"left": "right", "right": "left"}
    twins = ["_".join(other.get(word, word) for word in name.split("_")) for name in names]
    return [names.index(twin) for twin in twins], np.array(
        [-1.0 if name.endswith("yaw") else 1.0 for name in names]
    )


def test_left_and_right_weigh_and_measure_the_same(model: Any) -> None:
    for left in (
        name for name in (model.body(i).name for i in range(model.nbody)) if "left" in name
    ):
        one, other = model.body(left), model.body(left.replace("left", "right"))
        np.testing.assert_allclose(one.mass, other.mass, rtol=1e-12)
        np.testing.assert_allclose(one.inertia, other.inertia, rtol=1e-12)
        np.testing.assert_allclose(one.pos * (1, -1, 1), other.pos, atol=1e-12)
        np.testing.assert_allclose(one.ipos * (1, -1, 1), other.ipos, atol=1e-12)


def test_mirrored_actions_give_the_mirrored_motion(model: Any) -> None:
    rng = np.random.default_rng(0)
    plain, mirrored = mujoco.MjData(model), mujoco.MjData(model)
    low, high = SERVOS.targets(model)
    servos, servo_sign = swapped(SERVOS.names)
    hinges, hinge_sign = swapped(HINGES)
    for _ in range(100):
        action = rng.uniform(-1, 1, model.nu)
        for data, act in ((plain, action), (mirrored, action[servos] * servo_sign)):
            data.ctrl[:] = np.where(act > 0, act * high, -act * low)
            mujoco.mj_step(model, data, 4)

    np.testing.assert_allclose(
        plain.qpos[7:][hinges] * hinge_sign, mirrored.qpos[7:], rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(plain.qpos[:3] * (1, -1, 1), mirrored.qpos[:3], rtol=0, atol=1e-12)


# ── what can touch what, and what is only seen ───────────────────────────────


def test_the_animal_can_never_touch_itself_or_its_food(dressed: Any) -> None:
    floor = dressed.geom("floor").id
    own = [g for g in range(dressed.ngeom) if g != floor]

    for i in own:
        assert not any(dressed.geom_contype[i] & dressed.geom_conaffinity[j] for j in own)


def test_dress_is_weightless_untouchable_and_not_simulated(dressed: Any, model: Any) -> None:
    dress = dressed.geom_group == 2

    assert dress.sum() > 30
    assert not dressed.geom_contype[dress].any()
    assert not dressed.geom_conaffinity[dress].any()
    assert model.ngeom < 30
    np.testing.assert_allclose(dressed.body_mass, model.body_mass, rtol=1e-12)
    np.testing.assert_allclose(dressed.body_inertia, model.body_inertia, rtol=1e-9)


def test_the_skin_is_what_its_tool_writes() -> None:
    tool = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "skin.py"))
    kept = files("mesosweep_brachiosaurus").joinpath("assets/skin.xml").read_text("utf-8")

    assert tool["skin"]() == kept, "run: python tools/skin.py"
