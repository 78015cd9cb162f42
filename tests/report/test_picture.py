"""What a reader of events knows, and what it can estimate."""

from __future__ import annotations

import pytest

from mesosweep.domain import events as e
from mesosweep.report.picture import Picture, picture_of, seconds_left
from mesosweep.testing.story import Story


def follow(picture: Picture, *events: e.Event) -> Picture:
    for event in events:
        picture = picture.after(event)
    return picture


def test_a_resumed_sweep_is_shown_as_it_stands(story: Story) -> None:
    before = follow(picture_of(story.plan), story.started(), *story.whole_stage(1, 120.0))

    resumed = follow(picture_of(story.plan), e.SweepResumed(story.now, before.state))

    assert resumed.state == before.state


def test_progress_is_shown_for_trials_that_still_run(story: Story) -> None:
    picture = follow(
        picture_of(story.plan),
        story.submitting(),
        e.TrialStarted(1, story.running(0)),
        e.TrialStarted(1, story.running(1)),
        e.StudyProgressed(1, (story.running(0, step=500), story.running(1, step=900))),
        e.TrialFinished(1, story.finished(0, 10.0)),
    )

    (running,) = picture.running(picture.state.stage(1))

    assert running.trial_id == "1"
    assert running.progress is not None
    assert running.progress.step == 900


def test_the_best_is_who_would_win_now(story: Story) -> None:
    picture = follow(
        picture_of(story.plan),
        story.submitting(),
        e.TrialFinished(1, story.finished(0, 50.0)),
        e.TrialFinished(1, story.finished(1, 150.0)),
        e.TrialFinished(1, story.finished(2, 120.0)),
        e.TrialFailed(1, story.failed(3, "boom")),
    )

    best = picture.best(picture.state.stage(1))

    assert best is not None
    assert best.trial_id == "1"


def test_a_passing_message_is_gone_with_the_next_news(story: Story) -> None:
    waiting = follow(picture_of(story.plan), e.RetryScheduled(1, "quota", 60.0))

    assert waiting.note is not None
    assert "quota" in waiting.note
    assert follow(waiting, story.submitted()).note is None


def test_without_a_measurement_there_is_no_estimate(story: Story) -> None:
    picture = follow(picture_of(story.plan), story.submitting(), story.submitted())

    assert seconds_left(picture, picture.state.stage(1)) is None


def test_before_the_first_trial_has_ended_its_speed_gives_the_estimate(story: Story) -> None:
    picture = follow(
        picture_of(story.plan),
        story.submitting(),
        story.submitted(),
        e.TrialStarted(1, story.running(0)),
        e.StudyProgressed(1, (story.running(0, step=50_000),)),
    )

    # Four trials of 100 000 steps at 1 900 steps/s, two at a time, half of one done.
    assert seconds_left(picture, picture.state.stage(1)) == pytest.approx(3.5 * 100_000 / 1900 / 2)


def test_ended_trials_tell_the_time_of_the_rest(story: Story) -> None:
    picture = follow(
        picture_of(story.plan),
        story.submitting(),
        story.submitted(),
        e.TrialFinished(1, story.finished(0, 1.0)),
        e.TrialFinished(1, story.finished(1, 1.0)),
    )

    # Each took a minute; two are left and run side by side.
    assert seconds_left(picture, picture.state.stage(1)) == pytest.approx(60.0)


def test_a_trial_of_another_job_with_the_same_number_is_another_trial(story: Story) -> None:
    picture = follow(picture_of(story.plan), *story.second_job())
    stage = picture.state.stage(1)

    (running,) = picture.running(stage)
    ended = follow(picture, e.TrialFinished(1, story.finished(1, 90.0, attempt=1)))

    assert running.identity == (1, "1")
    assert running.progress is not None
    assert [t.identity for t in ended.state.stage(1).trials] == [(0, "1"), (0, "2"), (1, "1")]
    assert ended.running(ended.state.stage(1)) == ()
    best = ended.best(ended.state.stage(1))
    assert best is not None
    assert best.identity == (0, "1")


def test_what_a_lost_job_left_undone_does_not_count_as_done(story: Story) -> None:
    picture = follow(picture_of(story.plan), *story.second_job())

    assert [trial.identity for trial in picture.state.stage(1).ended] == [(0, "1")]
    assert seconds_left(picture, picture.state.stage(1)) == pytest.approx(3 * 60.0 / 2, rel=0.01)
