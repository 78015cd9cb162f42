"""What every body must pass: its lanes agree, its actions are within reach, its mirror is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mesosweep.envs.batch import Lanes
from mesosweep.envs.judge import DIVERGED
from mesosweep.envs.model import load_model
from mesosweep.ports import Batch, Body, Mirror
from mesosweep.testing._lanes import (
    LANES,
    actuator_named,
    begun_lanes,
    limited_actuators,
    played,
    random_actions,
    servos,
)


class BodySuite:
    """A part of `species.SpeciesSuite`, which has the fixtures `body` and `settings`."""

    def test_a_lane_of_many_equals_a_batch_of_one_bit_for_bit(
        self, body: Body, settings: Mapping[str, Any]
    ) -> None:
        many = played(begun_lanes(body, settings, range(LANES)), random_actions(body, settings))
        for lane in range(LANES):
            alone = begun_lanes(body, settings, [lane])
            single = played(alone, random_actions(body, settings)[:, lane : lane + 1])
            for together, by_itself in zip(many, single, strict=True):
                for name, array in by_itself.items():
                    np.testing.assert_array_equal(together[name][lane], array[0], name)

    def test_a_divergence_ends_one_lane_alone(
        self, body: Body, settings: Mapping[str, Any]
    ) -> None:
        healthy, struck = (begun_lanes(body, settings, range(LANES)) for _ in range(2))
        actions = random_actions(body, settings)[0]
        others = [lane for lane in range(LANES) if lane != 2]

        struck.qvel[2] = np.nan
        with np.errstate(invalid="ignore"):  # what the body computes from that lane's nan
            expected, stepped = healthy.step(actions), struck.step(actions)

        assert stepped.episodes[2].reason == DIVERGED
        assert stepped.episodes[2].success in (None, False)
        assert np.isfinite(stepped.reward).all()
        np.testing.assert_array_equal(stepped.reward[others], expected.reward[others])
        np.testing.assert_array_equal(struck.qpos[others], healthy.qpos[others])
        np.testing.assert_array_equal(struck.observe()[others], healthy.observe()[others])

    def test_a_restored_snapshot_goes_on_bit_for_bit(
        self, body: Body, settings: Mapping[str, Any]
    ) -> None:
        actions = random_actions(body, settings)
        lanes = begun_lanes(body, settings, range(LANES))
        played(lanes, actions[:20])
        snapshot = lanes.snapshot()
        expected = played(lanes, actions[20:])

        other = begun_lanes(body, settings, range(100, 100 + LANES))
        other.restore(snapshot)

        for went_on, restored in zip(expected, played(other, actions[20:]), strict=True):
            for name, array in went_on.items():
                np.testing.assert_array_equal(restored[name], array, name)

    def test_few_observations_are_clipped(self, body: Body, settings: Mapping[str, Any]) -> None:
        low, high = np.asarray(body.observation_low), np.asarray(body.observation_high)
        outside: list[Any] = []

        def look(lanes: Batch) -> None:
            seen = body.observe(lanes)
            assert seen.shape == (lanes.n, len(low))
            outside.append((seen < low) | (seen > high))

        played(begun_lanes(body, settings, range(LANES)), random_actions(body, settings), look)

        share = np.mean(outside, axis=(0, 1))
        clipped = {n: s for n, s in zip(body.observation_names, share, strict=True) if s > 0.02}
        assert not clipped, f"share of steps outside the bounds: {clipped}"

    def test_action_zero_is_the_home_pose(self, body: Body, settings: Mapping[str, Any]) -> None:
        lanes = Lanes(body, settings, 1)
        lanes.begin([0])
        target = body.control(lanes, np.zeros((1, lanes.model.nu)))[0]

        for servo, home, _ in servos(lanes.model):
            aimed = float(target[servo])
            told = (
                f"{actuator_named(lanes.model, servo)} aims at {aimed:.4g}, its home is {home:.4g}"
            )
            assert aimed == pytest.approx(home, abs=1e-6), told

    def test_no_action_asks_for_more_than_a_joint_can_do(
        self, body: Body, settings: Mapping[str, Any]
    ) -> None:
        lanes = Lanes(body, settings, 1)
        model = lanes.model
        lanes.begin([0])

        for action in (-1.0, 1.0):
            target = body.control(lanes, np.full((1, model.nu), action))[0]
            limits = [(servo, *reach) for servo, _, reach in servos(model)]
            limits += [(i, *model.actuator_ctrlrange[i]) for i in limited_actuators(model)]
            for i, low, high in limits:
                told = f"{actuator_named(model, i)} aims at {target[i]:.4g}, beyond {low:.4g} to {high:.4g}"
                assert low - 1e-6 <= target[i] <= high + 1e-6, told

    def test_a_mirror_twice_is_none_at_all(self, body: Body) -> None:
        mirror = _mirror_of(body)
        for source, sign, size in (
            (mirror.observation_source, mirror.observation_sign, len(body.observation_names)),
            (mirror.action_source, mirror.action_sign, load_model(body.model).nu),
        ):
            numbers = np.arange(1.0, size + 1.0)
            once = np.asarray(sign) * numbers[list(source)]
            np.testing.assert_array_equal(np.asarray(sign) * once[list(source)], numbers)

    def test_the_twin_of_an_action_has_the_twins_consequences(
        self, body: Body, settings: Mapping[str, Any]
    ) -> None:
        mirror = _mirror_of(body)
        if mirror.reflect is None:
            # Optional, as `ports.Mirror` says: no learner needs it, and without it nothing can be held
            # against the physics here.
            pytest.skip("the mirror has no `reflect`")
        undisturbed = replace(body, disturb=None)
        plain = begun_lanes(undisturbed, settings, range(LANES))
        twin = begun_lanes(undisturbed, settings, range(100, 100 + LANES))
        twin.restore(plain.snapshot())
        for lane in range(LANES):
            mirror.reflect(twin, lane)
        twin.sense()

        for action in random_actions(body, settings)[:20]:
            seen = plain.observe()[:, mirror.observation_source] * mirror.observation_sign
            for name, got, wanted in zip(
                body.observation_names, twin.observe().T, seen.T, strict=True
            ):
                np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=name)
            there = plain.step(action).reward
            back = twin.step(action[:, mirror.action_source] * mirror.action_sign).reward
            np.testing.assert_allclose(back, there, rtol=0, atol=1e-9)

        for lane in range(LANES):
            mirror.reflect(twin, lane)
        np.testing.assert_allclose(twin.qpos, plain.qpos, rtol=0, atol=1e-9)

    def test_what_is_judged_is_one_finite_number_per_lane(
        self, body: Body, settings: Mapping[str, Any]
    ) -> None:
        numbers = {**body.rewards, **{name: m.value for name, m in body.metrics.items()}}
        tests = dict(body.terminations)
        if body.success is not None:
            tests["success"] = body.success

        def look(lanes: Batch) -> None:
            for name, term in numbers.items():
                values = term(lanes)
                assert values.shape == (lanes.n,), name
                assert np.isfinite(values).all(), name
            for name, test in tests.items():
                mask = test(lanes)
                assert mask.shape == (lanes.n,), name
                assert mask.dtype == np.bool_, name
            assert not (lanes.success & lanes.failed).any()

        played(begun_lanes(body, settings, range(LANES)), random_actions(body, settings), look)


def _mirror_of(body: Body) -> Mirror:
    if body.mirror is None:
        # A body without left and right need not declare one; `mirror = true` is refused for it.
        pytest.skip("the body declares no mirror")
    return body.mirror
