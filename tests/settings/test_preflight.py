from __future__ import annotations

import pytest

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import StagePlan
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Categorical, Discrete, Double, Integer, SearchSpace
from mesosweep.domain.study import TrialSettings
from mesosweep.settings.preflight import (
    check_curriculum,
    check_rollouts,
    corner_trials,
    grace,
    judging,
)

OWN = {"n_steps": 1024, "batch_size": 64}
WALK = Stage(2, "walk", "", 1_000, env={"forward_vel_weight": 1.0})


def rollouts(space: SearchSpace, own: dict[str, int] | None = None) -> None:
    check_rollouts(
        space,
        own or OWN,
        algorithm="ppo",
        settings=TrialSettings(timesteps=100_000, n_envs=4),
        where="stage1",
    )


def test_the_largest_batch_is_held_against_the_smallest_rollout() -> None:
    rollouts(SearchSpace({"ppo_batch_size": Discrete((64, 4096))}))
    rollouts(SearchSpace({"ppo_n_steps": Integer(16, 4096, "log")}))
    with pytest.raises(
        SettingsError, match="stage1: batch_size 128 is larger than a rollout of 64"
    ):
        rollouts(
            SearchSpace({"ppo_n_steps": Integer(16, 64), "ppo_batch_size": Discrete((32, 128))})
        )


def test_what_is_not_searched_is_held_against_what_is() -> None:
    with pytest.raises(SettingsError, match="batch_size 4096 is larger than a rollout of 2048"):
        rollouts(
            SearchSpace({"ppo_n_steps": Discrete((512, 1024))}),
            {"batch_size": 4096, "n_steps": 2048},
        )


def test_an_algorithm_without_rollouts_has_none_to_fit() -> None:
    rollouts(SearchSpace({}), {"batch_size": 256})
    rollouts(SearchSpace({}), {"batch_size": 256, "n_steps": 1, "buffer_size": 10_000})


def test_steering_that_will_be_shortened_is_said() -> None:
    space = SearchSpace({"curriculum_ramp_timesteps": Discrete((200, 2_000))})

    notes = check_curriculum(space, WALK, timesteps=1_000, where="stage2")

    assert notes[0] == (
        "stage2: warm-up and ramp may ask for 2,000 steps of a budget of 1,000; "
        "where they ask for more than 500, both are shortened in proportion."
    )
    assert check_curriculum(space, WALK, timesteps=4_000, where="stage2") == ()


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        ({"curriculum_ramp_fraction": Double(0.5, 1.5)}, "is a share of the budget"),
        (
            {
                "curriculum_ramp_fraction": Double(0, 0.8),
                "curriculum_warmup_fraction": Double(0, 0.8),
            },
            "add up to more than 1",
        ),
        ({"curriculum_warmup_timesteps": Integer(-5, 5)}, "must not be below 0"),
    ],
)
def test_impossible_steering_is_an_error(space: dict[str, Double], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        check_curriculum(SearchSpace(space), WALK, timesteps=1_000, where="stage2")


def test_grace_is_the_longest_that_any_trial_may_warm_up_and_ramp() -> None:
    space = SearchSpace(
        {
            "curriculum_ramp_timesteps": Discrete((200, 2_000)),
            "curriculum_warmup_timesteps": Integer(0, 500),
        }
    )

    assert grace(space, WALK, timesteps=10_000) == 2_500
    # Shortened to half of the budget, as the trials are.
    assert grace(space, WALK, timesteps=1_000) == 500
    assert grace(SearchSpace({}), WALK, timesteps=1_000) == 0


def test_a_swept_ramp_needs_a_weight_to_raise() -> None:
    stage = Stage(2, "walk", "", 1_000, env={})
    space = SearchSpace({"curriculum_ramp_timesteps": Discrete((100, 200))})

    with pytest.raises(SettingsError, match=r"stage2: there is a ramp, but no env\.forward_vel"):
        check_curriculum(space, stage, timesteps=1_000, where="stage2")


def test_judging_at_the_pages_defaults_takes_as_long_as_training() -> None:
    cost = judging(TrialSettings(timesteps=500_000, n_envs=4), horizon=1_000)

    assert (cost.evaluations, cost.evaluation_steps, cost.panel_steps) == (50, 500_000, 30_000)
    assert cost.share == pytest.approx(1.06)


def test_a_last_evaluation_always_happens() -> None:
    assert judging(TrialSettings(timesteps=10_001, n_envs=1), horizon=1).evaluations == 2
    assert judging(TrialSettings(timesteps=5, n_envs=1), horizon=1).evaluations == 1


def test_every_extreme_is_built_before_a_stage_runs() -> None:
    space = SearchSpace(
        {"ppo_gamma": Double(0.9, 0.99), "ppo_net_arch": Categorical(("small", "deep", "large"))}
    )
    stage = StagePlan(
        number=1,
        name="balance",
        space=space,
        trials=1,
        parallel=1,
        settings=TrialSettings(timesteps=1, n_envs=1),
        gate=Gate(),
        default={"ppo_gamma": 0.95},
    )

    built = corner_trials(stage)

    assert built[0] == {"ppo_gamma": 0.95}
    assert {point.get("ppo_net_arch") for point in built[1:]} == {"small", "deep", "large"}
    assert {point["ppo_gamma"] for point in built[1:]} == {0.9, 0.99}
