"""One plain line per change of state."""

from __future__ import annotations

from mesosweep.domain import events as e
from mesosweep.domain.study import JobRef
from mesosweep.report.lines import Lines, one_line
from mesosweep.report.picture import picture_of
from mesosweep.testing.story import Story


def lines_of(story: Story, *events: e.Event) -> list[str]:
    written: list[str] = []
    with Lines(picture_of(story.plan), write=written.append) as lines:
        for event in events:
            lines(event)
    return written


def test_a_whole_stage_reads_as_a_story(story: Story) -> None:
    written = lines_of(story, story.started(), *story.whole_stage(1, 120.0))

    assert written[0].startswith("sweep of velociraptor with ppo starts")
    assert written[1] == (
        "stage 1 balance: 4 trials, 2 at a time, 100,000 steps each, from scratch"
    )
    assert "stage 1: trial 0 finished: panel 117.0 ± 3.58" in written[3]
    assert written[-2] == "stage 1: winner is trial 3, panel 120.0 ± 3.58, gate passed"
    assert "+140.0 ± 2.77 over random action" in written[-1]


def test_progress_is_no_change_of_state(story: Story) -> None:
    assert lines_of(story, e.StudyProgressed(1, (story.running(0, step=10),))) == []


def test_only_a_better_trial_is_called_the_best(story: Story) -> None:
    written = lines_of(
        story,
        story.submitting(),
        e.TrialFinished(1, story.finished(0, 120.0)),
        e.TrialFinished(1, story.finished(1, 110.0)),
        e.TrialFinished(1, story.finished(2, 130.0)),
    )

    assert ["best so far" in line for line in written[1:]] == [True, False, True]


def test_a_gate_that_was_not_passed_says_by_what(story: Story) -> None:
    (_, written) = lines_of(story, story.submitting(), e.TrialFinished(1, story.finished(0, 55.0)))

    assert written.endswith("gate: reward 55 below 100")


def test_a_failure_is_told_by_its_last_line(story: Story) -> None:
    trace = "Traceback (most recent call last):\n  File x\nValueError: no such body\n\n"

    (written,) = lines_of(story, e.TrialFailed(1, story.failed(7, trace)))

    assert written == "stage 1: trial 7 failed: ValueError: no such body"


def test_no_line_ever_holds_a_line_break_or_a_colour(story: Story) -> None:
    state = picture_of(story.plan).state
    everything = [
        story.started(),
        e.SweepResumed(story.now, state),
        *story.whole_stage(1, 40.0),
        e.TrialFailed(1, story.failed(9, "a\nb")),
        e.RetryScheduled(1, "quota\nexhausted", 60.0),
        e.StageFailed(story.now, 1, "nothing\nworked"),
        e.SweepFinished(story.now, state),
    ]

    for line in lines_of(story, *everything):
        assert "\n" not in line
        assert "\x1b" not in line


def test_nothing_to_say_is_an_empty_line() -> None:
    assert one_line(None) == ""


def test_trials_of_several_jobs_are_told_apart(story: Story) -> None:
    written = lines_of(story, *story.second_job(), e.TrialFinished(1, story.finished(1, 130.0)))

    assert "trial 1 finished" in written[1]
    assert written[-2].startswith("stage 1: trial a1/1 runs (startup)")
    assert "trial a0/1 finished" in written[-1]


def test_what_is_worth_saying_of_a_job_is_said_when_it_is_submitted_or_found(story: Story) -> None:
    job = JobRef("vertex", "jobs/8", "https://watch/8", note="jobs/7 is passed over")

    told = lines_of(story, story.submitting(), e.StudySubmitted(1, job), e.StudyReattached(1, job))

    assert told[1:] == [
        "stage 1: running https://watch/8; jobs/7 is passed over",
        "stage 1: found again as https://watch/8; jobs/7 is passed over",
    ]
