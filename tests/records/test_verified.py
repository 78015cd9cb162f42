"""What was once verified is not verified again, unless something else is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mesosweep.domain.errors import StateDamaged
from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score
from mesosweep.records.verified import Hearing, read_verified, write_verified

SCORE = Score(100, 5.0, 1.0, 90.0, 0.9, success_rate=0.5, metrics={"speed": 1.5})
VERIFIED = Verified(SCORE, replace(SCORE, mean_reward=0.0), SCORE, SCORE)
HEARING = Hearing(
    arguments=("trial", "--stage=1"), trial_id="3", winner="a/3/models/best_model.zip", episodes=100
)


@pytest.mark.parametrize("default", [None, SCORE])
def test_it_is_read_as_it_was_written(tmp_path: Path, default: Score | None) -> None:
    verified = replace(VERIFIED, default=default)
    write_verified(tmp_path, HEARING, verified)

    assert read_verified(tmp_path, HEARING) == verified


def test_before_the_hearing_there_is_nothing(tmp_path: Path) -> None:
    assert read_verified(tmp_path, HEARING) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(HEARING, episodes=50),
        replace(HEARING, winner="a/3/models/stage1_final.zip"),
        replace(HEARING, default="a/0/models/best_model.zip"),
    ],
)
def test_another_question_is_not_answered_yet(tmp_path: Path, other: Hearing) -> None:
    write_verified(tmp_path, HEARING, VERIFIED)

    assert read_verified(tmp_path, other) is None


def test_a_sweep_that_was_moved_is_judged_already(tmp_path: Path) -> None:
    write_verified(tmp_path, HEARING, VERIFIED)

    moved = replace(HEARING, winner="b/c/3/models/best_model.zip", arguments=("trial",))

    assert read_verified(tmp_path, moved) == VERIFIED


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_half_of_it_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "verified.json").write_text(text)

    with pytest.raises(StateDamaged, match=r"verified\.json"):
        read_verified(tmp_path, HEARING)
