"""What `plan --request` prints can be done as it is printed."""

from __future__ import annotations

import pytest

from mesosweep.testing.command import Mesosweep

PLAN = (
    *("plan", "--species", "counting", "--algorithm", "count", "--stage", "1", "--trials", "1"),
    *("--project", "my-project", "--bucket", "a-bucket", "--image", "host/repo/trainer:1"),
    *("--request", "--no-check"),
)
STUDY = "gs://a-bucket/sweeps/counting/count/stage1/study.json"


def test_a_job_that_is_sent_by_hand_says_how_its_trials_get_their_document(
    mesosweep: Mesosweep,
) -> None:
    told = mesosweep(*PLAN).out

    assert told.startswith(
        "# Sent by hand, its trials need their document first:\n# mesosweep plan"
    )
    assert f" --study 1 | gcloud storage cp - {STUDY}\n" in told


def test_nothing_of_a_rehearsal_is_sent_by_hand(
    mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = mesosweep(*PLAN).out.splitlines()
    monkeypatch.setenv("MESOSWEEP_VERTEX_ENDPOINT", "http://127.0.0.1:1")

    rehearsed = mesosweep(*PLAN).out.splitlines()

    assert rehearsed[0].startswith("# Of a rehearsal: ")
    assert not any("gcloud storage" in line for line in rehearsed)
    # The job itself is the same one.
    assert rehearsed[1:] == by_hand[2:]
