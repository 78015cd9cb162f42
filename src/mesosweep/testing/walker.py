"""What every walking species must pass beyond `SpeciesSuite`: honest lessons, calibrated gates.

The author of one writes

    from mesosweep.testing.walker import WalkerSuite

    class TestVelociraptor(WalkerSuite):
        species = SPECIES
        walker = RAPTOR
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import pytest

from mesosweep.domain.score import Score
from mesosweep.envs.batch import Lanes
from mesosweep.envs.ground import open_ground, zero_policy
from mesosweep.ports import Body
from mesosweep.settings.stages import load_curriculum
from mesosweep.terms import Walker
from mesosweep.testing import baselines
from mesosweep.testing.species import SpeciesSuite

_LANES = 8


class WalkerSuite(SpeciesSuite):
    """Subclass it, name the species and its walker. Stage 1 pushes, the last one has the task."""

    walker: Walker
    calm_full_rate = 0.85
    """Share of episodes that an unpushed statue stands through in stage 1, at least."""

    def training_of(self, stage: int) -> Mapping[str, Any]:
        """Return the env settings that a stage is learned under."""
        return baselines.training(self.species, stage)

    # ── the lessons ──────────────────────────────────────────────────────────

    def test_a_stage_sets_every_setting_and_no_other(self, stage: int) -> None:
        assert set(self.settings_of(stage)) == set(self.species.settings)

    def test_every_setting_has_its_task_word(self) -> None:
        word = self.walker.task

        assert word == self.species.task
        assert {f"{word}_bonus", f"{word}_miss_penalty"} <= set(self.species.settings)

    def test_what_is_the_task_is_not_for_sale(self, body: Body) -> None:
        assert set(self.species.settings) >= self.species.task_keys
        assert not self.species.task_keys & set(body.rewards)

    def test_an_unpushed_statue_stands(self) -> None:
        calm = {**self.settings_of(1), "push_min_n_s": 0.0, "push_max_n_s": 0.0}

        assert self._statue(calm, episodes=60).full_length_rate >= self.calm_full_rate

    def test_a_pushed_statue_falls_at_least_every_other_time(self) -> None:
        assert self._statue(self.settings_of(1), episodes=60).full_length_rate <= 0.5

    def test_a_statue_does_no_task(self) -> None:
        assert self._statue(self.settings_of(self.stages[-1]), episodes=40).success_rate == 0.0

    def test_the_reference_ends_with_the_task(self, settings: Mapping[str, Any]) -> None:
        assert settings["hunt"] is False

    def test_the_task_pays_more_than_any_life_without_it(self) -> None:
        """Doing it ends the episode and with it the stream of rewards, so it must outweigh it."""
        settings = self.settings_of(self.stages[-1])
        algorithms = load_curriculum(self.species).stage(self.stages[-1]).algorithms
        gamma = float(algorithms["ppo"]["gamma"])
        lasting = ("alive_bonus", "forward_vel_weight", "heading_weight", "gait_weight")
        # As many feet swing at a time, when it lasts, as are not asked to stand.
        swinging = len(self.walker.feet.each) * (1 - settings["gait_duty"])
        stream = sum(settings[name] for name in lasting)
        stream += settings["clearance_weight"] * swinging

        assert settings[f"{self.walker.task}_bonus"] > stream / (1 - gamma)

    # ── what the walker says of itself ───────────────────────────────────────

    def test_a_push_is_a_jump_of_speed_within_the_set_impulse(self, body: Body) -> None:
        settings = {**self.settings_of(1), "push_interval_min_s": 0.0, "push_interval_max_s": 0.0}
        lanes = self._begun(body, settings, n=64)
        rested = lanes.qvel[:, :2].copy()

        for lane in range(64):
            self.walker.disturb(lanes, lane, lanes.rngs[lane])

        impulse = np.linalg.norm(lanes.qvel[:, :2] - rested, axis=1) * self.walker.mass_kg
        assert (impulse >= settings["push_min_n_s"]).all()
        assert (impulse <= settings["push_max_n_s"]).all()

    def test_it_weighs_what_its_pushes_assume(self, body: Body) -> None:
        model = Lanes(body, self.settings_of(1), 1).model
        root = int(model.jnt_bodyid[0])

        assert model.body_subtreemass[root] == pytest.approx(self.walker.mass_kg, rel=1e-4)

    def test_its_hinges_and_servos_are_in_the_models_order(self, body: Body) -> None:
        model = Lanes(body, self.settings_of(1), 1).model

        assert tuple(model.joint(i).name for i in range(1, model.njnt)) == self.walker.hinges
        assert tuple(model.actuator(i).name for i in range(model.nu)) == self.walker.servos.names

    def test_its_feet_feel_the_whole_weight(self, body: Body) -> None:
        calm = {**self.settings_of(2), "start_noise_rad": 0.0, "start_noise_rad_s": 0.0}
        lanes = self._begun(body, calm, n=1)

        for _ in range(round(4.0 / lanes.dt)):
            lanes.step(np.zeros_like(lanes.action))

        weight = self.walker.mass_kg * abs(float(lanes.model.opt.gravity[2]))
        assert float(self.walker.feet.load(lanes).sum()) == pytest.approx(weight, rel=0.02)
        np.testing.assert_allclose(self.walker.feet.height(lanes), 0.0, atol=0.02)

    def test_waiting_near_the_target_pays_nothing(self, body: Body) -> None:
        lanes = self._begun(body, self.settings_of(self.stages[-1]), n=1)
        for _ in range(round(3.0 / lanes.dt)):  # a heavy animal sways that long
            lanes.step(np.zeros_like(lanes.action))

        for term in ("approach", "proximity"):
            paid = body.rewards[f"{self.walker.task}_{term}_weight"](lanes)
            assert float(paid[0]) == pytest.approx(0.0, abs=0.02)

    # ── gates ────────────────────────────────────────────────────────────────

    def test_doing_nothing_useful_passes_no_gate(self, stage: int) -> None:
        gate = load_curriculum(self.species).stage(stage).gate
        shipped = self.species.baselines[stage]

        assert [row.policy for row in shipped] == list(get_args(baselines.Name))
        for row in shipped:
            assert row.episodes >= 100
            failed = (
                _below(row.mean_length, gate.min_avg_episode_length),
                _below(row.metrics["forward_velocity"], gate.min_avg_forward_vel),
                _below(row.success_rate, gate.min_success_rate),
            )
            assert any(failed), f"{row.policy} passes the gate of stage {stage}"
            if gate.min_avg_reward is not None:
                assert row.mean_reward < gate.min_avg_reward

    @pytest.mark.parametrize("policy", ["zero", "random"])
    def test_the_baselines_still_hold(self, stage: int, policy: baselines.Name) -> None:
        row = next(row for row in self.species.baselines[stage] if row.policy == policy)
        ground = baselines.open_reference(self.species, stage)

        score = baselines.measure(ground, policy, episodes=40)

        # The first of the very episodes that were measured; five standard errors for the rest.
        spread = 5 * max(row.std_reward, 1.0) / np.sqrt(40)
        assert score.mean_reward == pytest.approx(row.mean_reward, abs=spread)

    # ── helpers ──────────────────────────────────────────────────────────────

    def _statue(self, settings: Mapping[str, Any], *, episodes: int) -> Score:
        ground = open_ground(self.species, reference=settings, training=settings)
        return Score.of(ground.play(zero_policy(ground), range(episodes)))

    def _begun(self, body: Body, settings: Mapping[str, Any], *, n: int = _LANES) -> Lanes:
        lanes = Lanes(body, settings, n)
        for lane in range(n):
            lanes.seed(lane, lane)
        lanes.begin(range(n))
        return lanes


def _below(measured: float | None, least: float | None) -> bool:
    return measured is not None and least is not None and measured < least
