"""What `verify` says of configurations: no more than their runs can bear."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

from rich.console import Console

from mesosweep.domain.trial import Trial, TrialStatus
from mesosweep.report.summary import show
from mesosweep.report.verification import Configuration, Run, Verification
from mesosweep.report.verification_document import verification_document
from mesosweep.report.verification_view import sentences, verification_view
from mesosweep.testing.story import Story, a_score

GOOD = (100.0, 101.0, 102.0, 103.0)
BAD = (10.0, 11.0, 12.0, 13.0)


def a_configuration(
    number: int,
    scores: tuple[float, ...],
    *,
    is_winner: bool = False,
    lost: TrialStatus | None = None,
) -> Configuration:
    story = Story()
    runs = [
        Run(replace(story.finished(n, score), origin="verify"), a_score(score))
        for n, score in enumerate(scores, start=1)
    ]
    if lost is not None:
        reason = "a loss of NaN" if lost == "diverged" else "killed by SIGKILL"
        runs.append(Run(Trial(str(len(runs) + 1), 0, lost, {}, reason=reason), None))
    return Configuration(story.finished(number, 50.0), str(number), is_winner, tuple(runs))


def a_verification(*configurations: Configuration) -> Verification:
    return Verification(
        configurations,
        species="velociraptor",
        algorithm="ppo",
        stage=1,
        stage_name="balance",
        steps=100_000,
        episodes=100,
    )


def printed(found: Verification, *, width: int = 200, next_command: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        show(console, verification_view(found, next_command=next_command))
    return capture.get()


def test_the_best_comes_first_and_is_the_choice() -> None:
    found = a_verification(a_configuration(1, BAD, is_winner=True), a_configuration(2, GOOD))

    text = printed(found, next_command="mesosweep verify . --promote")

    assert found.choice is not None
    assert found.choice.called == "2"
    assert found.is_clear
    rows = [line.split() for line in text.splitlines()[2:4]]
    assert rows[0][:3] == ["2", "4/4", "101.5"]
    assert rows[1][:2] == ["1", "(winner)"]
    assert "trial 2 is above trial 1" in text
    assert "Choice: trial 2, which is above the stage's winner, trial 1." in text
    assert "mesosweep verify . --promote" in text


def test_the_choice_is_weighed_against_the_winner_although_another_lies_between() -> None:
    close = (99.0, 101.5, 102.5, 104.0)
    between = a_configuration(2, (98.5, 101.2, 102.2, 104.5))
    winner = a_configuration(3, (98.0, 101.0, 102.0, 105.0), is_winner=True)
    found = a_verification(a_configuration(1, close), between, winner)

    assert [one.called for one in found.configurations] == ["1", "2", "3"]
    assert not found.beats_winner
    text = printed(found)
    assert "trials 1 and 3 are not distinguishable" in text
    assert (
        "Choice: trial 1, but nothing shows it to be better than the stage's winner, trial 3."
        in text
    )
    assert verification_document(found)["beats_winner"]["distinguishable"] is False


def test_a_choice_that_is_above_the_winner_is_said_to_be_so() -> None:
    between = a_configuration(2, (98.5, 101.2, 102.2, 104.5))
    found = a_verification(
        a_configuration(1, (99.0, 101.5, 102.5, 104.0)),
        between,
        a_configuration(3, BAD, is_winner=True),
    )

    assert found.beats_winner
    text = printed(found)
    assert "trial 1 is above trial 3" in text
    assert "Choice: trial 1, which is above the stage's winner, trial 3." in text
    assert verification_document(found)["beats_winner"]["distinguishable"] is True


def test_what_cannot_be_told_apart_is_said_to_be_so() -> None:
    found = a_verification(
        a_configuration(1, GOOD), a_configuration(2, (99.0, 101.5, 102.5, 104.0))
    )

    assert not found.is_clear
    text = printed(found)
    assert "trials 2 and 1 are not distinguishable" in text
    assert verification_document(found)["distinguishable"] is False


def test_too_few_runs_are_said_to_be_too_few_however_far_apart_they_are() -> None:
    found = a_verification(a_configuration(1, GOOD[:3]), a_configuration(2, BAD[:3]))

    assert not found.is_clear
    assert any("--seeds 4" in line for line in sentences(found))


def test_of_a_single_run_no_interval_is_shown() -> None:
    text = printed(a_verification(a_configuration(1, (100.0,))))

    row = text.splitlines()[2]
    assert row.split()[:3] == ["1", "1/1", "100.0"]
    assert "to" not in row


def test_a_run_that_diverged_counts_as_the_worst_and_one_that_broke_does_not_count() -> None:
    diverged = a_configuration(1, GOOD[:1], lost="diverged")
    broken = a_configuration(2, GOOD, lost="failed")

    assert diverged.scores == (100.0, -math.inf)
    assert broken.scores == GOOD
    words = " ".join(sentences(a_verification(diverged, broken)))
    assert "trial 1: 1 of 2 runs diverged" in words
    assert (
        "trial 2: 1 of 5 runs has no score and does not count; the first, 5: killed by SIGKILL"
        in words
    )


def test_where_no_run_has_a_score_nothing_is_chosen() -> None:
    found = a_verification(a_configuration(1, (), lost="failed"), a_configuration(2, BAD))

    assert [one.called for one in found.configurations] == ["2", "1"]
    nothing = a_verification(a_configuration(1, (), lost="failed"))
    assert nothing.choice is None
    assert "nothing can be chosen" in printed(nothing)


def test_the_document_is_json_even_of_runs_that_diverged() -> None:
    found = a_verification(a_configuration(1, (5.0,), lost="diverged"), a_configuration(2, GOOD))

    document = json.loads(json.dumps(verification_document(found), allow_nan=False))

    assert document["choice"] == {"trial_id": "2", "attempt": 0}
    first, second = document["configurations"]
    assert first["iqm"]["value"] == 101.5
    assert [run["held_out"]["mean_reward"] for run in first["runs"]] == list(GOOD)
    assert first["beats_next"]["probability"]["value"] == 1.0
    assert second["beats_next"] is None
    assert second["iqm"]["value"] is None
