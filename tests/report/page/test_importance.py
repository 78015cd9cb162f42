"""Importances are Optuna's, and are withheld where there is too little to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.domain.space import Categorical, Discrete, Double, SearchSpace
from mesosweep.report.page.importance import FEWEST, importances
from mesosweep.report.results.rows import Row

SPACE = SearchSpace(
    {
        "ppo_gamma": Double(0.0, 1.0),
        "ppo_batch_size": Discrete((64, 128)),
        "ppo_net_arch": Categorical(("small", "large")),
    }
)


def rows(count: int) -> list[Row]:
    """Return trials whose score is gamma's alone."""
    return [
        Row(
            folder=Path(str(number)),
            species="moa",
            algorithm="ppo",
            stage=1,
            attempt=0,
            trial_id=str(number),
            status="finished",
            parameters={
                "ppo_gamma": (number * 0.37) % 1.0,
                "ppo_batch_size": (64, 128)[number % 2],
                "ppo_net_arch": ("small", "large")[number // 2 % 2],
            },
            searched=tuple(SPACE),
            best_mean_reward=100 * ((number * 0.37) % 1.0),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("space", [SPACE, None], ids=["declared", "read off the trials"])
def test_what_decides_the_score_comes_first(space: SearchSpace | None) -> None:
    found = importances(rows(60), space)

    by_method = {told.method: dict(told.shares) for told in found}
    shares = by_method["PED-ANOVA"]
    assert max(shares, key=lambda name: shares[name]) == "ppo_gamma"
    assert shares["ppo_gamma"] > 0.7
    assert sum(shares.values()) == pytest.approx(1.0)
    assert set(shares) == set(SPACE)


def test_few_trials_say_nothing() -> None:
    assert importances(rows(FEWEST - 1), SPACE) == ()


def test_one_parameter_cannot_be_compared() -> None:
    assert importances(rows(30), SearchSpace({"ppo_gamma": Double(0.0, 1.0)})) == ()


def test_a_value_outside_the_space_is_left_out() -> None:
    strange = rows(30)
    narrow = SearchSpace({**SPACE.parameters, "ppo_gamma": Double(0.2, 1.0)})

    assert importances(strange, narrow)
