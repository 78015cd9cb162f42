"""What `verify` found is on the page: who is best, by how much, and whether anybody can tell."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mesosweep.report.page.document import page
from mesosweep.report.page.repeats import repeats
from mesosweep.report.page.sweep import Sweep, sweeps_below
from mesosweep.report.verification import Configuration, Run, Verification
from mesosweep.report.verification_document import write_verification
from mesosweep.testing.story import Story, a_score
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return sweeps_below(make_up_sweep(tmp_path, MadeUp(trials=3)))[0]


def a_configuration(trial_id: str, *scores: float) -> Configuration:
    story = Story()
    runs = tuple(Run(story.finished(n, s), a_score(s)) for n, s in enumerate(scores, start=1))
    return Configuration(story.finished(int(trial_id), 50.0), trial_id, False, runs)


def verify(sweep: Sweep, *configurations: Configuration, stage: int = 1) -> Path:
    folder = sweep.root / "verify" / f"stage{stage}-100000"
    found = Verification(
        configurations,
        species="velociraptor",
        algorithm="ppo",
        stage=stage,
        stage_name="balance",
        steps=100_000,
        episodes=100,
    )
    write_verification(folder, found)
    return folder / "verification.json"


def words(markup: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", markup).replace("\u00a0", " ").split())


def test_each_configuration_has_a_row_with_its_interval_and_its_odds(sweep: Sweep) -> None:
    winner = sweep.stages[0].winner
    assert winner is not None
    good = a_configuration(winner.trial_id, 100.0, 101.0, 102.0, 103.0)
    bad = a_configuration("77", 10.0, 11.0, 12.0, 13.0)
    verify(sweep, bad, good)

    text = words(repeats(sweep))

    assert "Stage 1 balance, 100k steps each, 100 held-out episodes" in text
    first = f"{winner.trial_id} winner 4/4 101.5 (100.0 to 103.0) 50.0 1.00 (1.00 to 1.00) 0.029 clearly"
    assert first in text
    assert "77 4/4 11.5 (10.0 to 13.0) 50.0 – –" in text
    assert f"Trial {winner.trial_id} is above trial 77" in text
    assert "interquartile mean" in text


def test_what_cannot_be_told_apart_is_said_to_be_so(sweep: Sweep) -> None:
    one, other = a_configuration("77", 1.0, 4.0, 2.0), a_configuration("78", 3.0, 1.5, 2.5)
    verify(sweep, one, other, stage=2)

    text = words(repeats(sweep))

    assert "not distinguishable" in text
    assert "winner" not in text.partition("A search trains")[0]


def test_runs_that_diverged_leave_no_number_that_was_not_measured(sweep: Sweep) -> None:
    story = Story()
    lost = Run(story.failed(2, "NaN"), None)
    broken = Configuration(story.finished(5, 1.0), "5", False, (lost,))
    verify(sweep, broken, a_configuration("6", 2.0))

    text = words(repeats(sweep))

    assert "6 1/1 2.00 50.0 – –" in text
    assert "5 0/1 – 1.00 – –" in text


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", '{"stage": 99}', '{"stage": 1}', '{"configurations": [{}]}'),
        '{"stage": [1], "configurations": [{}]}',
        '{"stage": {"number": 1}, "configurations": [{}]}',
    ],
)
def test_a_file_that_cannot_be_believed_is_named(sweep: Sweep, content: str) -> None:
    path = verify(sweep, a_configuration("1", 1.0))
    path.write_text(content)

    assert f"{path} cannot be read." in words(repeats(sweep))


def test_of_a_stage_that_is_not_on_the_page_nobody_says_that_it_cannot_be_read(
    sweep: Sweep,
) -> None:
    path = verify(sweep, a_configuration("1", 1.0), stage=99)

    text = words(repeats(sweep))

    assert f"{path} is of stage 99, of which nothing is on this page." in text
    assert "cannot be read" not in text


def test_who_is_clearly_below_the_next_is_not_praised(sweep: Sweep) -> None:
    path = verify(sweep, a_configuration("1", 5.0, 6.0, 7.0, 8.0), a_configuration("2", *[1.0] * 4))
    told = json.loads(path.read_text())
    told["configurations"][0]["beats_next"]["probability"]["value"] = 0.1
    path.write_text(json.dumps(told))

    assert '<span class="badge no">clearly below</span>' in repeats(sweep)


def test_where_nothing_was_trained_again_the_page_says_how(sweep: Sweep) -> None:
    text = page((sweep,), written_at=datetime.now(UTC))

    assert "Trained again from fresh seeds" in text
    assert f"mesosweep verify {sweep.root} --top 3 --seeds 5" in words(text)


def test_what_a_document_says_cannot_become_markup(sweep: Sweep) -> None:
    path = verify(sweep, a_configuration("1", 1.0, 2.0))
    told = json.loads(path.read_text())
    told["configurations"][0]["called"] = told["told"][0] = "<script>alert(1)</script>"
    path.write_text(json.dumps(told))

    assert "<script>alert" not in repeats(sweep)
