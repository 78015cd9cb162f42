"""The last word of a sweep."""

from __future__ import annotations

import io
import shlex
from dataclasses import replace

from rich.console import Console

from mesosweep.domain import events as e
from mesosweep.domain.trial import Trial
from mesosweep.domain.winner import Winner
from mesosweep.report.picture import Picture, picture_of
from mesosweep.report.summary import (
    gate_was_missed,
    missing_words,
    show,
    summary,
    what_next,
)
from mesosweep.testing.story import Story, a_score

AGAIN = ["run-all", "--species", "velociraptor", "--trials", "4"]


def told(story: Story, *events: e.Event) -> Picture:
    picture = picture_of(story.plan)
    for event in events:
        picture = picture.after(event)
    return picture


def printed(picture: Picture, *, width: int = 80, next_command: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        show(console, summary(picture, next_command=next_command))
    return capture.get()


def test_the_table_tells_what_was_gained_over_whom(story: Story) -> None:
    text = printed(told(story, *story.whole_stage(1, 120.0, zero=30.0)))

    cells = (line.partition("  ") for line in text.splitlines())
    rows = {label: rest.strip().partition("  ")[0] for label, _, rest in cells}
    assert "120.0 ± 1.96" in text
    assert rows["over doing nothing"] == "+90.0 ± 2.77"
    assert rows["over random action"] == "+140.0 ± 2.77"
    assert rows["over its untrained start"] == "+130.0 ± 2.77"
    assert rows["over the species' defaults"] == "–"


def test_it_fits_eighty_columns_for_three_stages(story: Story) -> None:
    stages = [event for n in (1, 2, 3) for event in story.whole_stage(n, -1120.0)]

    text = printed(told(story, *stages))

    table = text.split("What is missing")[0]
    assert max(len(line) for line in table.splitlines()) <= 80
    assert "…" not in table


def test_a_path_is_never_broken_however_narrow_the_screen(story: Story) -> None:
    text = printed(told(story, *story.whole_stage(1, 120.0)), width=30)

    assert "runs/sweeps/velociraptor/ppo/stage1/3/models/best_model.zip" in text


def test_what_is_missing_is_said_in_plain_words(story: Story) -> None:
    picture = told(story, *story.whole_stage(1, 60.0, zero=80.0))

    words = list(missing_words(picture.state))

    assert words == [
        "1 balance: gate not passed; reward 60 below 100",
        "1 balance: below doing nothing (-20.0 ± 2.77)",
    ]


def test_a_gain_within_the_noise_is_not_called_a_gain(story: Story) -> None:
    picture = told(story, *story.whole_stage(1, 101.0, zero=100.0))

    assert list(missing_words(picture.state)) == [
        "1 balance: not clearly above doing nothing (+1.00 ± 2.77)"
    ]


def test_a_winner_that_is_the_default_gained_nothing_over_it(story: Story) -> None:
    default = story.finished(0, 120.0)
    assert default.checkpoint is not None
    score = a_score(120.0)
    nothing = a_score(0.0)
    picture = told(
        story,
        story.submitting(),
        e.TrialFinished(1, default),
        e.WinnerChosen(1, Winner(default, 120.0, default.checkpoint, gate_passed=True)),
        e.WinnerVerified(story.now, 1, e.Verified(score, nothing, nothing, nothing, score)),
    )

    assert "it is the default" in printed(picture)
    assert list(missing_words(picture.state)) == [
        "1 balance: no searched trial was better than the species' defaults"
    ]


def test_lost_trials_are_counted_and_the_first_named(story: Story) -> None:
    picture = told(
        story,
        story.submitting(),
        e.TrialFailed(1, story.failed(1, "ValueError: no such body")),
        e.TrialFailed(1, story.failed(2, "killed")),
    )

    (words,) = missing_words(picture.state)

    assert words == (
        "1 balance: 2 trials without a result; the first, 1, failed: ValueError: no such body"
    )


def test_a_stage_without_a_winner_says_why(story: Story) -> None:
    picture = told(story, story.submitting(), e.StageFailed(story.now, 1, "no trial finished"))

    assert list(missing_words(picture.state)) == ["1 balance: no trial finished"]
    assert "none" in printed(picture)


def test_a_forced_gate_is_a_missed_gate(story: Story) -> None:
    assert gate_was_missed(told(story, *story.whole_stage(1, 60.0)).state)
    assert not gate_was_missed(told(story, *story.whole_stage(1, 160.0)).state)


def test_an_unfinished_sweep_is_to_be_run_again(story: Story) -> None:
    state = told(story, *story.whole_stage(1, 160.0)).state

    assert what_next(state, again=AGAIN).startswith(
        "mesosweep run-all --species velociraptor --trials 4 "
    )


def test_a_missed_gate_asks_for_more_trials(story: Story) -> None:
    stages = [event for n in (1, 2, 3) for event in story.whole_stage(n, 60.0)]

    assert "run-all --species velociraptor --trials 8 " in what_next(
        told(story, *stages).state, again=AGAIN
    )


def test_more_trials_are_asked_of_every_stage(story: Story) -> None:
    stages = [event for n in (1, 2, 3) for event in story.whole_stage(n, 60.0)]
    again = [*AGAIN, "--trials-stage1", "4", "--trials-stage2=4", "--seed", "1"]

    command, _, _ = what_next(told(story, *stages).state, again=again).partition("   #")

    assert command == "mesosweep run-all --species velociraptor --seed 1 --trials 8"


def test_a_finished_sweep_is_to_be_looked_at_and_used(story: Story) -> None:
    picture = told(story, *(e for n in (1, 2, 3) for e in story.whole_stage(n, 160.0)))
    last = picture.state.stage(3).winner
    assert last is not None
    policy = last.checkpoint.uri
    root, _, _ = policy.rpartition("/stage3/")

    following = what_next(picture.state, again=AGAIN)

    lines = [shlex.split(line.partition("   #")[0]) for line in following.splitlines()]
    assert lines == [
        ["mesosweep", "report", root],
        ["mesosweep", "render", policy],
        ["mesosweep", "train", "--from", root, "--seeds", "3"],
    ]
    shown = printed(picture, next_command=following, width=200).splitlines()
    assert [line for line in shown if line.startswith("  mesosweep ")] == [
        f"  {line}" for line in following.splitlines()
    ]


def test_a_stale_stage_is_to_be_searched_again(story: Story) -> None:
    state = told(story, *(e for n in (1, 2, 3) for e in story.whole_stage(n, 160.0))).state
    first, second, third = state.stages
    stale = replace(second, parent="runs/sweeps/velociraptor/ppo/stage1/9/models/best_model.zip")

    following = what_next(replace(state, stages=(first, stale, third)), again=AGAIN)

    assert following.startswith("mesosweep run-all ")


def test_a_winner_of_a_study_of_two_jobs_is_named_by_attempt(story: Story) -> None:
    winner = story.finished(1, 130.0, attempt=1)
    assert winner.checkpoint is not None
    won = e.WinnerChosen(1, Winner(winner, 130.0, winner.checkpoint, gate_passed=True))

    picture = told(story, *story.second_job(), e.TrialFinished(1, winner), won)

    assert "trial a1/1" in printed(picture)
    (lost,) = [line for line in missing_words(picture.state) if "without a result" in line]
    assert "the first, a0/2, failed" in lost


def a_stopped_trial(story: Story, number: int, *, steps: int) -> Trial:
    reason = "best mean 1 by step 40,000, below the median 9 of 5 trials before it"
    return replace(
        story.finished(number, 1.0),
        status="stopped",
        panel=None,
        verdict=None,
        steps_trained=steps,
        reason=reason,
    )


def test_it_tells_what_was_stopped_early_and_the_steps_that_this_saved(story: Story) -> None:
    stopped = [a_stopped_trial(story, n, steps=steps) for n, steps in ((2, 40_000), (3, 30_000))]
    events = [e.TrialFinished(1, trial) for trial in (story.finished(1, 9.0), *stopped)]

    text = printed(told(story, story.submitting(1), story.submitted(1), *events), width=120)

    assert "Stopped early" in text
    assert "- 1 balance: 2 of 3 trials; 130,000 of 300,000 steps saved (43%)" in text


def test_where_nothing_was_stopped_nothing_is_said_of_it(story: Story) -> None:
    assert "Stopped early" not in printed(told(story, *story.whole_stage(1, 120.0)))
