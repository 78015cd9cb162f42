"""The simulation: n lanes that know nothing of each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hopper_species.plant import BODY, SETTINGS

from mesosweep.domain.errors import PluginError, SettingsError
from mesosweep.envs.batch import Lanes, Stepped
from mesosweep.envs.judge import DIVERGED
from mesosweep.envs.model import load_model
from mesosweep.ports import Batch, Body, Metric

TASK = {**SETTINGS, "task": True, "task_bonus": 20.0}


def begun(
    n: int = 3, *, body: Body = BODY, settings: dict[str, Any] = SETTINGS, **how: Any
) -> Lanes:
    lanes = Lanes(body, settings, n, **how)
    for lane in range(n):
        lanes.seed(lane, lane)
    lanes.begin(range(n))
    return lanes


def play(lanes: Lanes, steps: int) -> list[Stepped]:
    """Play seeded random actions; ended lanes are begun anew."""
    rng = np.random.default_rng(0)
    trace = []
    for _ in range(steps):
        trace.append(lanes.step(rng.uniform(-1.0, 1.0, lanes.action.shape)))
        lanes.begin(trace[-1].episodes)
    return trace


def always(n: int) -> Any:
    return np.ones(n, np.bool_)


# ── order of a step ──────────────────────────────────────────────────────────


def test_a_step_happens_in_the_promised_order() -> None:
    seen: list[str] = []

    def told(name: str, answer: Any) -> Any:
        def call(batch: Batch, *rest: Any) -> Any:
            seen.append(name)
            return answer(batch, *rest)

        return call

    body = replace(
        BODY,
        due=None,
        disturb=told("disturb", lambda *_: None),
        control=told("control", BODY.control),
        advance=told("advance", BODY.advance),
        success=told("success", BODY.success),
        terminations={"low": told("termination", BODY.terminations["low"])},
        rewards={"alive_weight": told("reward", BODY.rewards["alive_weight"])},
        metrics={},
    )
    lanes = begun(2, body=body, settings=TASK)
    seen.clear()

    lanes.step(np.zeros((2, 3)))

    assert seen == [
        *("disturb", "disturb", "control", "advance", "success", "termination", "reward")
    ]


def test_actions_are_clipped_before_anybody_sees_them() -> None:
    lanes = begun(1)

    lanes.step(np.array([[5.0, -5.0, 0.5]]))

    np.testing.assert_array_equal(lanes.action, [[1.0, -1.0, 0.5]])
    np.testing.assert_array_equal(lanes.ctrl, BODY.control(lanes, lanes.action))


def test_the_previous_action_is_the_one_of_the_step_before() -> None:
    lanes = begun(1)
    np.testing.assert_array_equal(lanes.previous_action, np.zeros((1, 3)))

    lanes.step(np.full((1, 3), 0.1))
    lanes.step(np.full((1, 3), 0.2))

    np.testing.assert_array_equal(lanes.previous_action, np.full((1, 3), 0.1))


def test_the_reward_is_the_weighted_sum_of_the_terms() -> None:
    lanes = begun(3)

    stepped = lanes.step(np.full((3, 3), 0.3))

    expected = sum(SETTINGS[name] * term(lanes) for name, term in BODY.rewards.items())
    np.testing.assert_allclose(stepped.reward, expected)


def test_only_due_lanes_are_disturbed() -> None:
    pushed: list[tuple[int, int]] = []
    body = replace(
        BODY,
        due=lambda batch: np.arange(batch.n) == batch.steps % 2,
        disturb=lambda batch, lane, _: pushed.append((int(batch.steps[lane]), lane)),
    )
    lanes = begun(3, body=body)

    for _ in range(2):
        lanes.step(np.zeros((3, 3)))

    assert pushed == [(0, 0), (1, 1)]


def test_a_mocap_body_is_where_the_species_put_it() -> None:
    lanes = begun(2)
    lanes.mocap_pos[1, 0] = [0.5, -0.25, 1.5]

    scene = lanes.scene(1)

    np.testing.assert_array_equal(scene.mocap_pos[0], [0.5, -0.25, 1.5])
    assert lanes.mocap_pos[0, 0, 2] == lanes.model.body_pos[lanes.model.body("prey").id, 2]


def test_physics_sees_the_mocap_body_of_its_own_lane() -> None:
    lanes = begun(2)
    lanes.mocap_pos[:, 0, 0] = [3.0, 4.0]

    lanes.step(np.zeros((2, 3)))

    np.testing.assert_array_equal(lanes.sensor("prey")[:, 0], [3.0, 4.0])


# ── ends ─────────────────────────────────────────────────────────────────────


def test_an_episode_ends_at_the_horizon() -> None:
    lanes = begun(1, body=replace(BODY, terminations={}))
    assert lanes.horizon == 100

    trace = [lanes.step(np.zeros((1, 3))) for _ in range(100)]

    assert not any(stepped.ended[0] for stepped in trace[:-1])
    assert trace[-1].truncated[0]
    assert trace[-1].episodes[0].reason == "horizon"
    assert trace[-1].episodes[0].length == 100


def test_a_termination_gives_the_episode_its_name() -> None:
    lanes = begun(1, body=replace(BODY, terminations={"bored": lambda b: b.steps >= 3}))

    trace = [lanes.step(np.zeros((1, 3))) for _ in range(3)]

    episode = trace[-1].episodes[0]
    assert (episode.reason, episode.length, episode.success) == ("bored", 3, None)
    assert not trace[-1].truncated[0]


def test_a_success_ends_the_episode_where_there_is_a_task() -> None:
    lanes = begun(2, body=replace(BODY, success=lambda b: b.steps >= 2), settings=TASK)

    trace = [lanes.step(np.zeros((2, 3))) for _ in range(2)]

    assert [e.reason for e in trace[-1].episodes.values()] == ["success", "success"]
    assert all(episode.success for episode in trace[-1].episodes.values())


def test_success_is_not_asked_for_where_there_is_no_task() -> None:
    lanes = begun(1, body=replace(BODY, success=lambda b: always(b.n)))

    stepped = lanes.step(np.zeros((1, 3)))

    assert not stepped.ended.any()


def test_who_falls_in_the_step_of_success_has_fallen() -> None:
    body = replace(
        BODY,
        success=lambda b: always(b.n),
        terminations={"fell": lambda b: np.arange(b.n) == 1},
    )
    lanes = begun(2, body=body, settings=TASK)

    stepped = lanes.step(np.zeros((2, 3)))

    assert [stepped.episodes[lane].reason for lane in (0, 1)] == ["success", "fell"]
    assert [stepped.episodes[lane].success for lane in (0, 1)] == [True, False]
    np.testing.assert_array_equal(lanes.success, [True, False])
    np.testing.assert_array_equal(lanes.failed, [False, True])


def test_metrics_are_summed_up_as_they_declare() -> None:
    def count(batch: Batch) -> Any:
        return np.asarray(batch.steps, float)

    metrics = {
        over: Metric("count", "steps", count, over)
        for over in ("mean", "sum", "last", "max", "per_horizon")
    }
    body = replace(BODY, metrics=metrics, terminations={"end": lambda b: b.steps >= 4})
    lanes = begun(1, body=body)

    trace = [lanes.step(np.zeros((1, 3))) for _ in range(4)]

    assert trace[-1].episodes[0].metrics == {
        "mean": 2.5,
        "sum": 10.0,
        "last": 4.0,
        "max": 4.0,
        "per_horizon": 0.1,
    }


def test_what_only_the_last_step_decides_is_measured_at_no_other() -> None:
    asked: list[int] = []

    def value(batch: Batch) -> Any:
        asked.append(int(batch.steps[0]))
        return np.asarray(batch.steps, float)

    body = replace(
        BODY,
        metrics={"last": Metric("count", "steps", value, "last")},
        terminations={"end": lambda b: b.steps >= 3},
    )
    lanes = begun(1, body=body)

    for _ in range(3):
        stepped = lanes.step(np.zeros((1, 3)))

    assert stepped.episodes[0].metrics == {"last": 3.0}
    assert asked == [3]


def test_a_maximum_may_be_negative() -> None:
    metrics = {"max": Metric("minus one", "", lambda b: np.full(b.n, -1.0), "max")}
    body = replace(BODY, metrics=metrics, terminations={"end": lambda b: b.steps >= 2})
    lanes = begun(1, body=body)

    trace = [lanes.step(np.zeros((1, 3))) for _ in range(2)]

    assert trace[-1].episodes[0].metrics == {"max": -1.0}


# ── divergence ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("frame_skip", [1, 4])
def test_a_lane_driven_to_nan_ends_alone(frame_skip: int) -> None:
    body = replace(BODY, frame_skip=frame_skip)
    healthy, struck = begun(4, body=body), begun(4, body=body)
    struck.qvel[2, 0] = np.nan

    expected, stepped = healthy.step(np.zeros((4, 3))), struck.step(np.zeros((4, 3)))

    others = [0, 1, 3]
    assert {lane: e.reason for lane, e in stepped.episodes.items()} == {2: DIVERGED}
    np.testing.assert_array_equal(struck.qpos[others], healthy.qpos[others])
    np.testing.assert_array_equal(stepped.reward[others], expected.reward[others])
    assert np.isfinite(stepped.reward).all()
    assert np.isfinite(struck.observe()).all()


@pytest.mark.parametrize("frame_skip", [1, 4])
def test_a_divergence_that_comes_back_finite_is_noticed_by_its_clock(frame_skip: int) -> None:
    lanes = begun(2, body=replace(BODY, frame_skip=frame_skip))
    lanes.qvel[1, :] = 1e9  # finite, but more than MuJoCo puts up with

    stepped = lanes.step(np.zeros((2, 3)))

    assert list(stepped.episodes) == [1]
    assert stepped.episodes[1].reason == DIVERGED


def test_a_divergence_pays_as_a_fall() -> None:
    lanes = begun(2)
    lanes.qvel[1, :] = 1e9

    stepped = lanes.step(np.zeros((2, 3)))

    assert stepped.reward[1] < -9.0  # the fall's -10, and no share of where it flew


def test_after_a_divergence_the_lane_begins_as_if_nothing_had_been() -> None:
    lanes = begun(2)
    lanes.qvel[1, :] = np.nan
    lanes.begin(lanes.step(np.zeros((2, 3))).episodes)

    stepped = lanes.step(np.zeros((2, 3)))

    assert not stepped.ended.any()
    assert lanes.steps[1] == 1


def test_mujoco_leaves_no_log_file_behind(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lanes = begun(1)
    lanes.qvel[0] = np.nan

    lanes.step(np.zeros((1, 3)))

    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out + capfd.readouterr().err == ""


# ── numbers that are none ────────────────────────────────────────────────────


def test_an_action_that_is_no_number_is_refused() -> None:
    with pytest.raises(FloatingPointError, match="action"):
        begun(2).step(np.full((2, 3), np.nan))


def test_a_reward_term_that_is_no_number_is_named() -> None:
    body = replace(BODY, rewards={**BODY.rewards, "energy_weight": lambda b: np.full(b.n, np.inf)})

    with pytest.raises(FloatingPointError, match="energy_weight"):
        begun(2, body=body).step(np.zeros((2, 3)))


def test_an_observation_that_is_no_number_is_named() -> None:
    lanes = begun(2)
    lanes.qpos[1, 8] = np.nan

    with pytest.raises(FloatingPointError, match="knee"):
        lanes.observe()


# ── settings ─────────────────────────────────────────────────────────────────


def test_a_weight_that_is_missing_is_an_error() -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "energy_weight"}

    with pytest.raises(SettingsError, match="energy_weight"):
        Lanes(BODY, settings, 1)


@pytest.mark.parametrize("value", ["1.0", True, None, float("nan")])
def test_a_weight_must_be_a_number(value: Any) -> None:
    with pytest.raises(SettingsError, match=r"energy_weight.*finite number"):
        Lanes(BODY, {**SETTINGS, "energy_weight": value}, 1)


def test_a_horizon_shorter_than_a_step_is_an_error() -> None:
    with pytest.raises(SettingsError, match="horizon_s"):
        Lanes(BODY, {**SETTINGS, "horizon_s": 0.001}, 1)


def test_a_task_needs_a_body_that_knows_success() -> None:
    with pytest.raises(PluginError, match="success"):
        Lanes(replace(BODY, success=None), TASK, 1)


def test_a_task_is_declared_by_yes_or_no() -> None:
    with pytest.raises(SettingsError, match=r"'task' must be true or false \(got 'yes'\)"):
        Lanes(BODY, {**SETTINGS, "task": "yes"}, 1)


def test_a_changed_setting_counts_from_the_next_step() -> None:
    lanes = begun(1)
    before = lanes.step(np.zeros((1, 3))).reward[0]

    lanes.change_setting("alive_weight", 3.0)

    assert lanes.step(np.zeros((1, 3))).reward[0] == pytest.approx(before + 2.0, abs=0.1)
    assert lanes.settings["alive_weight"] == 3.0


def test_an_unknown_setting_cannot_be_changed() -> None:
    with pytest.raises(SettingsError, match="alive_wait") as caught:
        begun(1).change_setting("alive_wait", 1.0)

    assert "Did you mean 'alive_weight'?" in str(caught.value.hint)


def test_a_setting_that_cannot_be_leaves_the_old_one_in_force() -> None:
    lanes = begun(1)

    with pytest.raises(SettingsError):
        lanes.change_setting("alive_weight", "much")

    assert lanes.settings == SETTINGS


def test_a_sensor_that_is_not_there_is_named() -> None:
    with pytest.raises(PluginError, match=r"'veloctiy'.*Did you mean 'velocity'"):
        begun(1).sensor("veloctiy")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("hopper.xml", "not of the form"),
        ("no_such_package:hopper.xml", "no package 'no_such_package'"),
        ("hopper_species:hoper.xml", "no file 'hoper.xml'"),
        ("hopper_species:plant.py", "does not compile"),
    ],
)
def test_a_model_that_cannot_be_had_is_named(model: str, told: str) -> None:
    with pytest.raises(PluginError, match=told):
        Lanes(replace(BODY, model=model), SETTINGS, 1)


# ── lanes, threads, state ────────────────────────────────────────────────────


def test_threads_change_nothing() -> None:
    one, two = begun(4), begun(4, threads=2)

    for a, b in zip(play(one, 60), play(two, 60), strict=True):
        np.testing.assert_array_equal(a.reward, b.reward)
    np.testing.assert_array_equal(one.qpos, two.qpos)


def test_lanes_that_are_kept_go_on_as_before() -> None:
    all_, some = begun(4), begun(4)
    some.keep([3, 1])

    for _ in range(20):
        expected = all_.step(np.full((4, 3), 0.2))
        stepped = some.step(np.full((2, 3), 0.2))

    np.testing.assert_array_equal(stepped.reward, expected.reward[[3, 1]])
    np.testing.assert_array_equal(some.qpos, all_.qpos[[3, 1]])
    np.testing.assert_array_equal(some.memory["distance"], all_.memory["distance"][[3, 1]])


def test_a_snapshot_brings_back_changed_settings() -> None:
    lanes = begun(2)
    lanes.change_setting("forward_vel_weight", 0.7)
    snapshot = lanes.snapshot()

    other = begun(2)
    other.restore(snapshot)

    assert other.settings["forward_vel_weight"] == 0.7


def test_a_snapshot_is_a_flat_mapping_of_arrays() -> None:
    snapshot = begun(2).snapshot()

    assert all(isinstance(array, np.ndarray) for array in snapshot.values())
    assert all(array.dtype != object for array in snapshot.values())


def test_a_snapshot_does_not_move_with_the_simulation() -> None:
    lanes = begun(2)
    snapshot = lanes.snapshot()
    before = {name: array.copy() for name, array in snapshot.items()}

    play(lanes, 5)

    for name, array in snapshot.items():
        np.testing.assert_array_equal(array, before[name], name)


def test_a_snapshot_of_another_size_is_refused_and_harms_nothing() -> None:
    lanes = begun(2)
    qpos = lanes.qpos.copy()

    with pytest.raises(ValueError, match="another batch"):
        lanes.restore(begun(3).snapshot())

    np.testing.assert_array_equal(lanes.qpos, qpos)


def test_what_is_only_seen_is_not_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "feathered").mkdir()
    (tmp_path / "feathered" / "__init__.py").touch()
    (tmp_path / "feathered" / "model.xml").write_text(
        '<mujoco><worldbody><body><freejoint/><geom size=".1"/>'
        '<geom name="feather" size=".1" contype="0" conaffinity="0" mass="0"/>'
        "</body></worldbody></mujoco>"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    simulated = load_model("feathered:model.xml")
    seen = load_model("feathered:model.xml", visual=True)

    assert (simulated.ngeom, seen.ngeom) == (1, 2)
    assert simulated.body_mass.sum() == seen.body_mass.sum()


# ── what is derived, and sensors by the handful ──────────────────────────────


@pytest.mark.parametrize(
    "change",
    [
        lambda lanes: lanes.step(np.zeros((3, 3))),
        lambda lanes: lanes.begin([1]),
        lambda lanes: lanes.change_setting("alive_weight", 2.0),
        lambda lanes: lanes.restore(lanes.snapshot()),
        lambda lanes: lanes.keep([0, 2]),
        lambda lanes: lanes.sense(),
    ],
)
def test_what_was_derived_is_forgotten_when_the_state_changes(change: Any) -> None:
    lanes = begun(3)
    lanes.derived["height"] = lanes.qpos[:, 2].copy()

    change(lanes)

    assert "height" not in lanes.derived


def test_a_disturbance_changes_what_is_derived() -> None:
    seen: list[bool] = []

    def disturb(batch: Batch, lane: int, _: Any) -> None:
        seen.append("mark" in batch.derived)
        batch.derived["mark"] = lane

    lanes = begun(3, body=replace(BODY, due=None, disturb=disturb))

    lanes.step(np.zeros((3, 3)))

    assert seen == [False, False, False]


def test_several_sensors_are_read_side_by_side() -> None:
    lanes = begun(2)
    lanes.step(np.full((2, 3), 0.3))

    beside = lanes.sensors(("up", "position"))
    groups = lanes.sensors_substeps((("up", "gyro"), ("position", "velocity")))

    np.testing.assert_array_equal(
        beside, np.concatenate([lanes.sensor("up"), lanes.sensor("position")], axis=1)
    )
    assert groups.shape == (2, 2, 4 * 6)
    first_step = groups[:, 1].reshape(2, 4, 6)[:, 0]
    np.testing.assert_array_equal(first_step[:, :3], lanes.sensor_substeps("position")[:, 0])
    np.testing.assert_array_equal(first_step[:, 3:], lanes.sensor_substeps("velocity")[:, 0])


def test_sensors_follow_a_state_that_was_written_from_outside() -> None:
    lanes = begun(2)
    lanes.qpos[1, 2] += 0.25

    before = lanes.sensor("position")[1, 2]
    lanes.sense()

    assert lanes.sensor("position")[1, 2] == pytest.approx(before + 0.25)
