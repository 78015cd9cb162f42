"""A sweep as one JSON document."""

from __future__ import annotations

import json
from typing import Any

from mesosweep.domain import events as e
from mesosweep.domain.winner import Winner
from mesosweep.report.documents import status_document
from mesosweep.report.picture import picture_of
from mesosweep.testing.story import Story


def document(story: Story, *events: e.Event) -> Any:  # JSON

    picture = picture_of(story.plan)
    for event in events:
        picture = picture.after(event)
    return json.loads(json.dumps(status_document(picture.state), allow_nan=False))


def test_it_holds_what_scripts_depend_on(story: Story) -> None:
    told = document(story, story.started(), *story.whole_stage(1, 120.0))

    assert {"version", "species", "algorithm", "attempt", "fingerprint", "stages"} <= told.keys()
    stage = told["stages"][0]
    assert (stage["stage"], stage["status"], stage["gate_passed"]) == (1, "finished", True)
    trial = stage["trials"][0]
    assert trial["trial_id"] == "0"
    assert trial["status"] == "finished"
    assert trial["parameters"]["ppo_batch_size"] == 128
    assert trial["best_mean_reward"] == 122.0
    assert trial["panel_mean_reward"] == 117.0
    winner = stage["winner"]
    assert winner["trial_id"] == "3"
    assert winner["panel"]["mean_reward"] == 120.0
    assert winner["test"]["mean_reward"] == 120.0
    assert winner["checkpoint"].endswith("stage1/3/models/best_model.zip")


def test_a_stage_that_has_not_begun_has_no_winner_and_no_verdict(story: Story) -> None:
    stage = document(story, story.started())["stages"][2]

    assert (stage["status"], stage["winner"], stage["gate_passed"]) == ("pending", None, None)
    assert stage["trials"] == []


def test_a_trial_of_a_later_job_is_told_by_attempt_and_id(story: Story) -> None:
    winner = story.finished(1, 130.0, attempt=1)
    assert winner.checkpoint is not None
    won = e.WinnerChosen(1, Winner(winner, 130.0, winner.checkpoint, gate_passed=True))

    stage = document(story, *story.second_job(), e.TrialFinished(1, winner), won)["stages"][0]

    told = [(trial["attempt"], trial["trial_id"]) for trial in stage["trials"]]
    assert told == [(0, "1"), (0, "2"), (1, "1")]
    assert (stage["winner"]["attempt"], stage["winner"]["trial_id"]) == (1, "1")
