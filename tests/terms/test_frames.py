"""Where an animal is and how it is turned."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mesosweep.ports import Batch
from mesosweep.terms import frames
from mesosweep.testing.batch import made_up

QUATERNION = arrays(float, 4, elements=st.floats(-1.0, 1.0)).filter(
    lambda q: bool(np.linalg.norm(q) > 0.1)
)


def turned(*quaternions: Any, qvel: Any = None) -> Batch:
    turns = np.asarray(quaternions, float)
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    qpos = np.concatenate([np.zeros((len(turns), 3)), turns], axis=1)
    return made_up(
        n=len(turns), qpos=qpos, qvel=np.zeros((len(turns), 6)) if qvel is None else qvel
    )


def yawed(angle: float) -> tuple[float, float, float, float]:
    return (np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2))


@given(QUATERNION)
def test_the_rotation_is_the_one_that_mujoco_means(quaternion: Any) -> None:
    batch = turned(quaternion)
    expected = np.empty(9)
    mujoco.mju_quat2Mat(expected, np.asarray(batch.qpos[0, 3:7], float))

    np.testing.assert_allclose(frames.rotation(batch)[0].ravel(), expected, atol=1e-12)


@given(QUATERNION, QUATERNION)
def test_a_lane_is_turned_alike_in_any_company(one: Any, other: Any) -> None:
    together, alone = frames.rotation(turned(one, other, one)), frames.rotation(turned(one))

    np.testing.assert_array_equal(together[0], alone[0])
    np.testing.assert_array_equal(together[2], alone[0])


def test_lying_on_the_side_is_a_quarter_turn_from_upright() -> None:
    batch = turned((1, 0, 0, 0), (1, 1, 0, 0), (0, 1, 0, 0))

    np.testing.assert_allclose(frames.tilt(batch), (0, np.pi / 2, np.pi), atol=1e-7)
    np.testing.assert_allclose(frames.upright(batch), (1, 0, -1), atol=1e-12)


def test_a_nose_that_points_down_is_a_positive_pitch() -> None:
    batch = turned((np.cos(0.1), 0, np.sin(0.1), 0))

    assert frames.nose_down(batch)[0] == pytest.approx(np.sin(0.2))


def test_facing_is_a_direction_in_the_plane_even_when_the_nose_points_up() -> None:
    batch = turned(yawed(0.5), (1, 0, -1, 0))

    np.testing.assert_allclose(frames.facing(batch)[0], (np.cos(0.5), np.sin(0.5)))
    assert np.isfinite(frames.facing(batch)).all()


def test_velocity_is_felt_in_the_animals_own_frame() -> None:
    batch = turned(yawed(np.pi / 2), qvel=[[0.0, 2.0, 0.5, 0, 0, 0]])

    np.testing.assert_allclose(frames.velocity(batch)[0], (2.0, 0.0, 0.5), atol=1e-12)
    assert frames.speed(batch)[0] == 2.0
