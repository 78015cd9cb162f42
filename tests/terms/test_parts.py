"""The small parts of a walker: servos, soles, saturating terms, mirrors and settings."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.errors import PluginError
from mesosweep.ports import Batch
from mesosweep.terms import Servos, charges, costs, mirror, pays, soles, walker_settings
from mesosweep.testing.batch import made_up

# ── terms as data ────────────────────────────────────────────────────────────


def speed(batch: Batch) -> Any:
    return batch.qvel[:, 0]


@given(st.floats(-100, 100), st.floats(0.1, 10))
def test_what_is_paid_is_in_proportion_up_to_full(value: float, full: float) -> None:
    batch = made_up(qvel=[[value]])

    assert pays(speed, full=full)(batch)[0] == pytest.approx(max(-1.0, min(1.0, value / full)))
    assert costs(speed, full=full)(batch)[0] == pytest.approx(-max(0.0, min(1.0, value / full)))
    assert charges(speed, full=full)(batch)[0] == pytest.approx(-max(0.0, value / full))


def test_the_stage_may_say_what_is_full() -> None:
    batch = made_up(qvel=[[1.0]], settings={"forward_vel_max": 4.0})

    assert pays(speed, full="forward_vel_max")(batch).tolist() == [0.25]


# ── servos ───────────────────────────────────────────────────────────────────

KNEES = """<mujoco><worldbody><body><joint name="a" range="-1 2"/><geom size=".1"/>
<body><joint name="b" range="-2 1"/><geom size=".1"/></body></body></worldbody><actuator>
<position name="a" joint="a" inheritrange="1"/><position name="b" joint="b" inheritrange="1"/>
</actuator><compiler angle="radian" autolimits="true"/></mujoco>"""


@pytest.fixture(scope="module")
def knees() -> Any:
    return mujoco.MjModel.from_xml_string(KNEES)


def test_a_full_action_asks_for_a_share_of_the_way_and_none_for_home(knees: Any) -> None:
    servos = Servos(("a", "b"), reach=0.5, reaches={"b": 1.0})
    batch = made_up(n=3, model=knees)

    told = servos.control(batch, np.array([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]]))

    np.testing.assert_allclose(told, [[-0.5, -2.0], [0.0, 0.0], [1.0, 1.0]])


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_more_action_never_asks_for_less(one: float, other: float) -> None:
    model = mujoco.MjModel.from_xml_string(KNEES)
    servos, (low, high) = Servos(("a", "b")), sorted((one, other))
    less, more = servos.control(made_up(n=2, model=model), np.array([[low] * 2, [high] * 2]))

    assert (less <= more + 1e-12).all()


def test_a_fine_servo_is_gentle_around_home(knees: Any) -> None:
    batch, action = made_up(model=knees), np.array([[0.1, 0.1]])

    fine = Servos(("a", "b"), fine=0.35).control(batch, action)
    straight = Servos(("a", "b"), fine=1.0).control(batch, action)

    np.testing.assert_allclose(fine / straight, 0.35, rtol=0.02)


# ── soles ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ("sphere", ".05"),
        ("capsule", ".03 .1"),
        ("ellipsoid", ".05 .1 .02"),
        ("cylinder", ".05 .1"),
        ("box", ".05 .1 .02"),
    ],
)
def test_the_lowest_point_of_a_shape_is_where_it_touches_the_ground(shape: str, size: str) -> None:
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><worldbody><geom name="floor" type="plane" size="1 1 .1"/><body pos="0 0 1">'
        f'<freejoint/><geom name="sole" type="{shape}" size="{size}"/></body></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    for turn in np.random.default_rng(0).normal(size=(5, 4)):
        data.qpos[:] = (0, 0, 1, *turn / np.linalg.norm(turn))
        mujoco.mj_forward(model, data)

        data.qpos[2] -= soles.lowest(model, data, ("sole",)) + 1e-5

        mujoco.mj_forward(model, data)
        # MuJoCo finds the contact of curved shapes by iteration.
        assert min(data.contact.dist) == pytest.approx(-1e-5, abs=2e-6)


# ── mirrors ──────────────────────────────────────────────────────────────────

SEEN = ("angle_neck_yaw", "angle_left_knee", "angle_right_knee", "velocity_y", "turn_rate_y")


def test_twins_change_places_and_what_points_aside_its_sign() -> None:
    found = mirror(SEEN, ("right_hip_yaw", "left_hip_yaw", "tail_roll"))

    assert list(found.observation_source) == [0, 2, 1, 3, 4]
    assert list(found.observation_sign) == [-1, 1, 1, -1, 1]
    assert list(found.action_source) == [1, 0, 2]
    assert list(found.action_sign) == [1, 1, -1]


def test_twins_that_turn_about_parallel_axes_change_their_sign_as_well() -> None:
    found = mirror((), ("front_left_roll", "front_right_roll", "head_roll"), parallel=("*_roll",))

    assert list(found.action_source) == [1, 0, 2]
    assert list(found.action_sign) == [-1, -1, -1]


def test_two_numbers_of_one_name_have_no_mirror() -> None:
    with pytest.raises(PluginError, match="twice: knee"):
        mirror(("knee", "knee"), ())


# ── settings ─────────────────────────────────────────────────────────────────


def test_settings_carry_the_species_own_word() -> None:
    settings, task_keys = walker_settings("bite")

    assert {"bite_bonus", "bite_miss_penalty"} <= set(settings)
    assert not any(name.startswith(("strike", "{")) for name in settings)
    assert {"hunt", "task", "target_radius_m", "horizon_s"} <= task_keys
    assert not any(key.endswith(("_bonus", "_weight", "_penalty")) for key in task_keys)


def test_naming_settings_costs_no_numpy() -> None:
    code = (
        "from mesosweep.terms.settings import walker_settings; import sys;"
        "sys.exit('numpy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
