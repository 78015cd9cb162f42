"""The live table: what it shows, and that it fits."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mesosweep.domain import events as e
from mesosweep.report.live import REPAINTS_PER_S, LiveTable, board
from mesosweep.report.picture import Picture, picture_of
from mesosweep.testing.story import Story


def drawn(picture: Picture, *, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    now = picture.seen_at or pytest.fail("the picture has no time")
    with console.capture() as capture:
        console.print(board(picture, now=now + timedelta(seconds=90), width=width, height=height))
    return [line.rstrip() for line in capture.get().splitlines()]


def busy(story: Story, *, running: int) -> Picture:
    picture = picture_of(story.plan, seen_at=story.now)
    trials = [story.running(n, step=1000 * n + 500) for n in range(3, 3 + running)]
    for event in (
        *story.whole_stage(1, 120.0),
        story.submitting(2),
        story.submitted(2),
        e.TrialFinished(2, story.finished(0, 55.0, stage=2)),
        e.TrialFailed(2, story.failed(2, "ValueError: no such body")),
        *(e.TrialStarted(2, trial) for trial in trials),
        e.StudyProgressed(2, tuple(trials)),
    ):
        picture = picture.after(event)
    return picture


def test_each_stage_shows_trials_best_gate_and_time_left(story: Story) -> None:
    lines = drawn(busy(story, running=2), width=140, height=40)

    first, second, third = lines[2:5]
    assert first.split()[:3] == ["✓", "1", "balance"]
    assert "4/4" in first
    assert "120.0 ± 3.58" in first
    assert "passed" in first
    assert "took 4 min" in first
    assert "2/4 · 2 running · 1 failed" in second
    assert "reward 55 below 100" in second
    assert second.endswith("~58 s")
    assert "reward ≥ 100, length ≥ 500" in third


def test_each_running_trial_shows_step_speed_evaluation_origin_and_parameters(story: Story) -> None:
    lines = drawn(busy(story, running=1), width=140, height=40)

    (row,) = [line for line in lines if line.startswith("2/3")]
    assert " ".join(row.split()) == (
        "2/3 3.5k/100k 1.9k 40.0 model lr 0.000231 · batch 128 · alive_bonus 2.1"
    )


def test_the_best_and_the_last_trial_stand_first(story: Story) -> None:
    lines = drawn(busy(story, running=1), width=140, height=40)

    trials = [line for line in lines if line.startswith("2/")]
    assert trials[0].startswith("2/0 best")
    assert trials[1].startswith("2/2 last")
    assert "failed: ValueError: no such body" in trials[1]


def test_what_does_not_fit_is_counted(story: Story) -> None:
    lines = drawn(busy(story, running=30), width=80, height=16)

    assert len(lines) <= 16
    shown = sum(line.startswith("2/") for line in lines)
    (more,) = [line for line in lines if "more" in line]
    assert more.strip() == f"+{32 - shown} more"


@given(
    running=st.integers(0, 40),
    width=st.integers(20, 200),
    height=st.integers(14, 60),
)
def test_the_table_never_outgrows_its_terminal(running: int, width: int, height: int) -> None:
    lines = drawn(busy(Story(), running=running), width=width, height=height)

    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_a_sentence_is_shown_below_the_table(story: Story) -> None:
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)
    picture = picture_of(story.plan, seen_at=story.now)

    with LiveTable(picture, console=console, now=lambda: story.now) as table:
        table(story.submitting())
        table.say("Stopping: trials write a checkpoint first.")

    assert "Stopping: trials write a checkpoint" in console.file.getvalue()  # type: ignore[attr-defined]
    assert table.picture.state.stage(1).status == "submitting"


def test_it_repaints_at_most_four_times_a_second() -> None:
    assert REPAINTS_PER_S <= 4


def test_trials_of_several_jobs_are_named_by_attempt(story: Story) -> None:
    picture = picture_of(story.plan, seen_at=story.now)
    for event in story.second_job():
        picture = picture.after(event)

    lines = drawn(picture, width=140, height=40)

    assert "1/4 · 1 running · 1 failed" in lines[2]
    names = [line.split("  ")[0] for line in lines if line.startswith("1/a")]
    assert names == ["1/a0/1 best", "1/a0/2 last", "1/a1/1"]


def test_a_trial_that_was_stopped_early_is_counted_and_says_why(story: Story) -> None:
    reason = "best mean 1 by step 40,000, below the median 9 of 5 trials before it"
    stopped = replace(
        story.finished(6, 30.0, stage=2),
        status="stopped",
        panel=None,
        verdict=None,
        steps_trained=40_000,
        reason=reason,
    )
    picture = busy(story, running=1).after(e.TrialFinished(2, stopped))

    text = "\n".join(drawn(picture, width=160, height=40))

    assert "1 stopped" in text
    assert f"stopped early: {reason}" in text
    assert "◼1" in "\n".join(drawn(picture, width=90, height=40))
