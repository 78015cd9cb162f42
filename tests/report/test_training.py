"""A production run as people follow it, and what it came to."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from rich.console import Console

from mesosweep.domain import events as e
from mesosweep.domain.score import Verdict
from mesosweep.domain.state import SweepState
from mesosweep.domain.trial import Trial
from mesosweep.domain.winner import Winner
from mesosweep.report.picture import picture_of
from mesosweep.report.summary import show
from mesosweep.report.training import (
    Run,
    TrainingLines,
    best_run,
    last_checkpoint,
    training_document,
    training_view,
)
from mesosweep.testing.story import Story


def told(story: Story, *events: e.Event) -> SweepState:
    picture = picture_of(story.plan)
    for event in events:
        picture = picture.after(event)
    return picture.state


def a_run(story: Story, seed: int, *means: float) -> Run:
    events = [event for n, mean in enumerate(means, 1) for event in story.whole_stage(n, mean)]
    return Run(seed, told(story, *events))


def printed(*runs: Run) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    with console.capture() as capture:
        show(console, training_view(runs, next_command="mesosweep render it"))
    return capture.get()


def test_every_seed_has_a_row_per_stage_and_all_of_them_one_more(story: Story) -> None:
    text = printed(a_run(story, 7, 120, 130, 140), a_run(story, 8, 122, 132, 142))

    rows = [line.split() for line in text.splitlines()]
    assert [row[:2] for row in rows if row[:1] == ["7"]] == [["7", "1"], ["7", "2"], ["7", "3"]]
    (over,) = [" ".join(row) for row in rows if row[:2] == ["all", "1"]]
    # Two seeds say little about a third one: Student's t with one degree of freedom.
    assert "121.0 ± 12.7" in over
    assert over.endswith("2 of 2 passed")
    assert text.rstrip().endswith("mesosweep render it")


def test_one_seed_has_no_row_over_seeds(story: Story) -> None:
    assert "passed\n" in printed(a_run(story, 7, 120, 130, 140))
    assert "of 1" not in printed(a_run(story, 7, 120, 130, 140))


def test_what_was_not_begun_and_what_broke_off_is_said(story: Story) -> None:
    run = replace(a_run(story, 7, 120), fault="stage 2: no worker can be started")

    text = printed(run)

    assert text.count("not begun") == 2
    assert "seed 7: stage 2: no worker can be started" in text


def test_a_missed_gate_is_told_with_its_reasons(story: Story) -> None:
    run = a_run(story, 7, 120)
    stage = run.state.stages[0]
    assert stage.winner is not None
    trial = replace(stage.winner.trial, verdict=Verdict(False, ("reward 4 below 10",)))
    winner = Winner(trial, 1.0, stage.winner.checkpoint, gate_passed=False)
    missed = replace(stage, trials=(trial,), winner=winner)
    state = replace(run.state, stages=(missed, *run.state.stages[1:]))

    text = printed(replace(run, state=state))

    assert "seed 7: stage 1 balance: reward 4 below 10" in text
    assert "not passed" in text


def test_the_run_to_show_came_furthest_then_scored_best(story: Story) -> None:
    short = a_run(story, 7, 900)
    good, better = a_run(story, 8, 10, 20), a_run(story, 9, 10, 30)

    assert best_run([short, good, better]) is better
    assert last_checkpoint(better) is not None
    assert best_run([Run(7, told(story))]) is None
    assert last_checkpoint(Run(7, told(story))) is None


def test_programs_get_each_seeds_state(story: Story) -> None:
    document = training_document([a_run(story, 7, 120)], next_command="go")

    document = json.loads(json.dumps(document, allow_nan=False))
    assert document["seeds"][0]["seed"] == 7
    assert document["seeds"][0]["stages"][0]["winner"]["test"]["mean_reward"] == 120
    assert document["next"] == "go"


def running(story: Story, step: int) -> e.StudyProgressed:
    return e.StudyProgressed(1, (story.running(1, step=step),))


def test_each_tenth_of_a_stage_is_told_once(story: Story) -> None:
    lines = TrainingLines({1: 1_000})

    said = [lines.line(running(story, step)) for step in (50, 120, 150, 420, 999, 1_000)]

    assert [line and line.split(",")[0].split(" trained")[0] for line in said] == [
        None,
        "stage 1: 10 %",
        None,
        "stage 1: 40 %",
        "stage 1: 90 %",
        "stage 1: 100 %",
    ]


def test_nothing_is_said_of_what_has_no_progress_yet(story: Story) -> None:
    waiting: tuple[Trial, ...] = (story.running(1),)

    assert TrainingLines({1: 10}).line(e.StudyProgressed(1, waiting)) is None
    assert TrainingLines({1: 10}).line(story.started()) is None
