"""The event stream for machines."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from mesosweep.domain import events as e
from mesosweep.domain.errors import UsageError
from mesosweep.domain.winner import Winner
from mesosweep.report.events import EventFile, as_json, event_name
from mesosweep.report.picture import picture_of
from mesosweep.testing.story import Story


def test_an_event_is_one_line_with_its_name_and_the_version(story: Story) -> None:
    line = as_json(e.TrialFinished(1, story.finished(0, 12.5)))

    told = json.loads(line)
    assert "\n" not in line
    assert (told["event"], told["version"], told["stage"]) == ("trial_finished", 1, 1)
    assert told["trial"]["panel"]["mean_reward"] == 12.5


def test_every_event_can_be_told(story: Story) -> None:
    state = picture_of(story.plan).state
    everything = [
        story.started(),
        e.SweepResumed(story.now, state),
        *story.whole_stage(1, 40.0),
        e.StageSkipped(1, the_winner(story)),
        e.StudyReattached(1, story.submitted().job),
        e.StudyProgressed(1, (story.running(1, step=5),)),
        e.TrialFailed(1, story.failed(9, "a\nb")),
        e.RetryScheduled(1, "quota", 60.0),
        e.WinnerPromoted(1, the_winner(story)),
        e.StageFailed(story.now, 1, "nothing worked"),
        e.SweepFinished(story.now, state),
    ]

    names = {json.loads(as_json(event))["event"] for event in everything}

    assert names == {event_name(event) for event in everything}
    assert len(names) == len(e.Event.__args__)


def the_winner(story: Story) -> Winner:
    picture = picture_of(story.plan)
    for event in story.whole_stage(1, 120.0):
        picture = picture.after(event)
    winner = picture.state.stage(1).winner
    assert winner is not None
    return winner


def test_a_search_space_is_told_as_a_sweep_file_writes_it(story: Story) -> None:
    told = json.loads(as_json(story.submitting()))

    assert told["study"]["space"]["ppo_learning_rate"] == {
        "type": "double",
        "min": 1e-5,
        "max": 3e-4,
        "scale": "log",
    }


def test_what_is_not_finite_is_null(story: Story) -> None:
    trial = replace(story.finished(0, 1.0), best_mean_reward=math.nan)

    assert json.loads(as_json(e.TrialFinished(1, trial)))["trial"]["best_mean_reward"] is None


def test_the_file_is_appended_to_line_by_line(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "events.jsonl"

    for _ in range(2):
        with EventFile(path) as write:
            write(story.started())
            assert path.read_text().endswith("}\n")

    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == [
        "sweep_started",
        "sweep_started",
    ]


def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--events"):
        EventFile(tmp_path)
