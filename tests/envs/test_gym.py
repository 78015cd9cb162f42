"""The Gymnasium env: a batch of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from hopper_species import HOPPER
from hopper_species.plant import BODY, SETTINGS

from mesosweep.domain.errors import PluginError, PluginNotFound, SettingsError
from mesosweep.envs.batch import Lanes
from mesosweep.envs.gym import BatchEnv, open_env, register, stage_env
from mesosweep.envs.no_picture import NoPicture
from mesosweep.plugins import Species


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hopper as pip would have installed it."""
    folder = tmp_path / "hopper-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: hopper\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[mesosweep.species]\nhopper = hopper_species:HOPPER\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    gymnasium.registry.pop("mesosweep/Hopper-v0", None)


def test_it_plays_what_a_lane_plays() -> None:
    env = BatchEnv(BODY, SETTINGS)
    lanes = Lanes(BODY, SETTINGS, 1)
    lanes.seed(0, 11)
    lanes.begin([0])
    seen, _ = env.reset(seed=11)
    np.testing.assert_array_equal(seen, lanes.observe()[0])

    for action in np.random.default_rng(0).uniform(-1.0, 1.0, (30, 3)):
        seen, reward, *_ = env.step(action)
        stepped = lanes.step(action[None])
        np.testing.assert_array_equal(seen, lanes.observe()[0])
        assert reward == stepped.reward[0]


def test_a_reset_without_a_seed_goes_on_with_new_episodes() -> None:
    env = BatchEnv(BODY, SETTINGS)
    first, _ = env.reset(seed=1)

    second, _ = env.reset()
    env.reset(seed=1)
    again, _ = env.reset()

    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(second, again)


def test_the_last_step_tells_how_it_ended_and_what_was_measured() -> None:
    env = BatchEnv(BODY, {**SETTINGS, "horizon_s": 0.04, "task": True})
    env.reset(seed=0)
    *_, quiet = env.step(np.zeros(3, np.float32))

    _, _, terminated, truncated, info = env.step(np.zeros(3, np.float32))

    assert quiet == {}
    assert (terminated, truncated) == (False, True)
    assert info["reason"] == "horizon"
    assert info["is_success"] is False
    assert set(BODY.metrics) <= set(info)


def test_an_installed_species_is_made_by_its_id(installed: None) -> None:
    assert register("hopper") == "mesosweep/Hopper-v0"

    env = gymnasium.make("mesosweep/Hopper-v0", stage=2, push=0.0)

    lanes = env.unwrapped.lanes  # type: ignore[attr-defined]
    assert lanes.settings["task"] is True
    assert lanes.settings["push"] == 0.0
    env.close()


def test_a_setting_that_the_stage_lacks_is_refused(installed: None) -> None:
    env_id = register("hopper")

    with pytest.raises(SettingsError, match="'pusch'"):
        gymnasium.make(env_id, pusch=0.0)


def test_registering_twice_does_no_harm() -> None:
    assert register("hopper") == register("hopper")
    gymnasium.registry.pop("mesosweep/Hopper-v0")


def test_a_name_of_several_words_becomes_one(installed: None) -> None:
    assert register("tyrannosaurus-rex") == "mesosweep/TyrannosaurusRex-v0"

    with pytest.raises(PluginNotFound, match="hopper"):
        gymnasium.make("mesosweep/TyrannosaurusRex-v0")

    gymnasium.registry.pop("mesosweep/TyrannosaurusRex-v0")


def test_a_species_may_say_its_id(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hopper_species.HOPPER", replace(HOPPER, env_id="mesosweep/HOPPER-v3"))

    assert register("hopper") == "mesosweep/HOPPER-v3"

    gymnasium.make("mesosweep/HOPPER-v3", stage=1).close()
    gymnasium.registry.pop("mesosweep/HOPPER-v3")


def test_an_id_belongs_to_one_species() -> None:
    assert register("two-words") == "mesosweep/TwoWords-v0"

    with pytest.raises(PluginError, match="TwoWords-v0 belongs to two-words"):
        register("two--words")

    gymnasium.registry.pop("mesosweep/TwoWords-v0")


def test_a_stage_is_judged_without_what_only_training_sees() -> None:
    assert stage_env(HOPPER, 1)["push"] == 0.3
    assert "train" not in stage_env(HOPPER, 1)


def test_a_stage_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="no stage 7") as caught:
        stage_env(HOPPER, 7)

    assert "stage2_strike.toml" in str(caught.value.hint)


def test_a_species_of_nothing_is_refused() -> None:
    with pytest.raises(PluginError, match="neither"):
        open_env(Species("ghost", "", "x:y"), {})


def test_an_unknown_render_mode_is_refused() -> None:
    with pytest.raises(SettingsError, match="human"):
        BatchEnv(BODY, SETTINGS, render_mode="human")


def test_it_draws_what_the_lane_looks_like() -> None:
    env = BatchEnv(BODY, SETTINGS, render_mode="rgb_array", width=160, height=120)
    env.reset(seed=0)
    try:
        standing: Any = env.render()
    except NoPicture as reason:
        pytest.skip(str(reason))
    for _ in range(30):
        env.step(np.ones(3, np.float32))

    fallen: Any = env.render()

    assert (standing.shape, standing.dtype) == ((120, 160, 3), np.uint8)
    assert standing.std() > 5.0
    assert not np.array_equal(standing, fallen)
    env.close()
    env.close()


def test_a_machine_that_cannot_draw_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_screen(width: int, height: int) -> None:
        raise RuntimeError(f"no screen of {width} x {height}")

    monkeypatch.setenv("MUJOCO_GL", "glfw")
    monkeypatch.setattr(mujoco, "GLContext", no_screen)
    env = BatchEnv(BODY, SETTINGS, render_mode="rgb_array")
    env.reset(seed=0)

    with pytest.raises(NoPicture, match="no screen of 320 x 240") as caught:
        env.render()

    assert "libegl1" in str(caught.value.hint)
    env.close()


def test_without_a_render_mode_nothing_is_drawn() -> None:
    env = BatchEnv(BODY, SETTINGS)
    env.reset(seed=0)

    assert env.render() is None
