"""What every species must pass.

The author of one writes

    from mesosweep.testing.species import SpeciesSuite

    class TestVelociraptor(SpeciesSuite):
        species = SPECIES

and pytest plays each stage. A species with its own Gymnasium env passes the
checks that are about envs; those about bodies are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from mesosweep.domain.score import Episode
from mesosweep.envs.ground import open_ground, random_policy
from mesosweep.envs.gym import open_env, stage_env
from mesosweep.plugins import Species, resolve
from mesosweep.ports import Body, Ground
from mesosweep.testing._body import BodySuite


class SpeciesSuite(BodySuite):
    """Subclass it, name the species; override `stages` or `settings_of` where they differ."""

    species: Species
    stages: Sequence[int] = (1, 2, 3)

    def settings_of(self, stage: int) -> Mapping[str, Any]:
        """Return the reference env settings of a stage."""
        return stage_env(self.species, stage)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "stage" in metafunc.fixturenames:
            metafunc.parametrize("stage", self.stages)

    @pytest.fixture
    def settings(self, stage: int) -> Mapping[str, Any]:
        return self.settings_of(stage)

    @pytest.fixture
    def ground(self, settings: Mapping[str, Any]) -> Ground:
        return open_ground(self.species, reference=settings, training=settings)

    @pytest.fixture
    def body(self) -> Body:
        if self.species.body is None:
            pytest.skip("the species brings its own env")
        body: Body = resolve(self.species.body, what=f"species '{self.species.name}'")
        return body

    def test_gymnasium_accepts_the_env(self, settings: Mapping[str, Any]) -> None:
        env = open_env(self.species, settings)
        gymnasium_check_env(env, skip_render_check=True)
        env.close()

    def test_stable_baselines_accepts_the_env(self, settings: Mapping[str, Any]) -> None:
        env = open_env(self.species, settings)
        sb3_check_env(env, skip_render_check=True)
        env.close()

    def test_the_observation_bounds_are_finite(self, settings: Mapping[str, Any]) -> None:
        env = open_env(self.species, settings)
        space = env.observation_space
        env.close()

        assert isinstance(space, gymnasium.spaces.Box)
        assert space.is_bounded()

    def test_the_same_seed_gives_the_same_episode(self, ground: Ground) -> None:
        policy = random_policy(ground, seed=1)

        assert ground.play(policy, [7, 8]) == ground.play(policy, [7, 8])

    def test_another_seed_gives_another_episode(self, ground: Ground) -> None:
        policy = random_policy(ground, seed=1)
        first, second = ground.play(policy, [7, 8])

        assert _without_seed(first) != _without_seed(second)

    def test_an_episode_does_not_depend_on_what_is_played_beside_it(self, ground: Ground) -> None:
        policy = random_policy(ground, seed=1)

        assert ground.play(policy, range(40))[35:37] == ground.play(policy, [35, 36])


def _without_seed(episode: Episode) -> Episode:
    return Episode(0, episode.reward, episode.length, episode.reason, metrics=episode.metrics)
