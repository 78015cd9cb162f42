"""What is left of an earlier skill is told of the very policies that it was played with."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.records.bundle import open_bundle, publish_bundle
from mesosweep.report.page.skills import (
    Played,
    identity_of,
    policy_of,
    read_played,
    skills,
    write_played,
)
from mesosweep.report.page.sweep import Sweep, sweeps_below
from mesosweep.testing.story import a_score
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Return a made-up sweep whose winners have bundles."""
    make_up_sweep(tmp_path, MadeUp(trials=2))
    (found,) = sweeps_below(tmp_path)
    for stage in found.stages:
        policy = policy_of(stage)
        assert policy is not None
        words = f"policy of stage {stage.number}"
        publish_bundle(policy, lambda path, words=words: path.write_text(words), step=1)  # type: ignore[misc]  # a lambda has no types
    return found


def identity(sweep: Sweep, stage: int) -> str:
    policy = policy_of(sweep.stages[stage - 1])
    assert policy is not None
    told = identity_of(policy)
    assert told is not None
    return told


def test_an_identity_is_that_of_the_bundle(sweep: Sweep) -> None:
    policy = policy_of(sweep.stages[0])
    assert policy is not None

    assert identity(sweep, 1) == open_bundle(policy).identity
    assert identity(sweep, 1) != identity(sweep, 2)


def test_a_later_winner_stands_below_the_stages_own(sweep: Sweep) -> None:
    own = sweep.stages[0].verified
    assert own is not None
    left = a_score(own.winner.mean_reward * 0.75)
    write_played(sweep.root, [Played(identity(sweep, 3), 1, left)])

    text = skills(sweep)

    assert "its own winner, verified (100)" in text
    assert "the winner of 3 strike (100)" in text
    assert "75%" in text
    assert "the winner of 2 locomotion" not in text


def test_another_policy_of_the_same_stage_is_not_mistaken_for_it(sweep: Sweep) -> None:
    write_played(sweep.root, [Played("0" * 16, 1, a_score(5.0))])

    assert "was not tried" in skills(sweep)


def test_what_was_played_comes_back(tmp_path: Path) -> None:
    played = (Played("a" * 16, 1, a_score(5.0)), Played("b" * 16, 2, a_score(7.0)))

    write_played(tmp_path, played)

    assert read_played(tmp_path) == played


@pytest.mark.parametrize("text", ["", "[]", '{"played": 5}', '{"played": [{"on": 1}, 3]}'])
def test_a_file_that_cannot_be_read_holds_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "skills.json").write_text(text)

    assert read_played(tmp_path) == ()
