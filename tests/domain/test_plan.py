from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.plan import StagePlan, SweepPlan, differences, fingerprint
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Categorical, Double, SearchSpace
from mesosweep.domain.study import TrialSettings
from mesosweep.domain.trial import Checkpoint

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
keys = st.text(st.characters(codec="utf-8"), max_size=5)
jsonable = st.recursive(
    scalars | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
)
tables = st.dictionaries(keys, jsonable, max_size=4)

STAGE = StagePlan(
    number=2,
    name="locomotion",
    space=SearchSpace(
        {"ppo_gamma": Double(0.9, 0.99), "ppo_net_arch": Categorical(("small", "deep"))}
    ),
    trials=20,
    parallel=5,
    settings=TrialSettings(timesteps=1_000, n_envs=4),
    gate=Gate(min_avg_reward=1.0),
    default={"ppo_gamma": 0.95, "ppo_net_arch": "deep"},
    overrides=("env.alive_bonus=2.0",),
    warm_starts=True,
)
PLAN = SweepPlan(
    species="velociraptor",
    algorithm="ppo",
    backend="local",
    root="sweeps/velociraptor/ppo",
    sweep_key="sweep_state_velociraptor_ppo",
    stages=(STAGE,),
    comparables={"species": "velociraptor"},
)


@given(table=tables)
def test_equal_content_has_one_fingerprint_whatever_its_order(table: dict[str, Any]) -> None:
    assert fingerprint(dict(reversed(table.items()))) == fingerprint(table)


@given(ours=tables, theirs=tables)
def test_what_differs_can_be_named_and_what_is_equal_has_no_differences(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    assert differences(ours, ours) == ()
    assert bool(differences(ours, theirs)) == (ours != theirs)


def test_a_difference_names_the_path_and_both_values() -> None:
    ours = {"stages": {"1": {"env": {"alive": 2.0}, "new": [1]}}}
    theirs = {"stages": {"1": {"env": {"alive": 1.0}}}, "load": None}

    assert differences(ours, theirs) == (
        "load: null → absent",
        "stages.1.env.alive: 1.0 → 2.0",
        "stages.1.new: absent → [1]",
    )


def test_a_long_value_is_cut() -> None:
    (line,) = differences({"a": list(range(99))}, {"a": 1})

    assert len(line) < 80
    assert line.endswith("…")


def test_a_study_starts_from_the_winner_that_came_before() -> None:
    winner = Checkpoint("sweeps/…/best_model.zip", "best", "7")

    study = PLAN.study(STAGE, attempt=0, load=winner, fixed={"ppo_net_arch": "small"})

    assert study.load == winner
    assert study.fixed == {"ppo_net_arch": "small"}
    assert list(study.space) == ["ppo_gamma"]
    assert study.default == {"ppo_gamma": 0.95}
    assert study.folder == "sweeps/velociraptor/ppo/stage2"
    assert study.overrides == ("env.alive_bonus=2.0",)
    assert study.gate == Gate(min_avg_reward=1.0)


def test_a_later_attempt_has_a_folder_and_a_key_of_its_own() -> None:
    first, third = (PLAN.study(STAGE, attempt=k, load=None, fixed={}) for k in (0, 2))

    assert third.folder == "sweeps/velociraptor/ppo/stage2_a2"
    assert first.key != third.key
    assert PLAN.fingerprint[:6] in third.key


def test_a_study_without_a_default_has_none() -> None:
    stage = replace(STAGE, default=None)

    assert PLAN.study(stage, attempt=0, load=None, fixed={}).default is None


def test_what_is_not_a_number_cannot_be_fingerprinted() -> None:
    with pytest.raises(ValueError, match="JSON"):
        fingerprint({"a": float("nan")})
