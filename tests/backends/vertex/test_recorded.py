"""A record is a trial's own when it was trained with what the service chose for it."""

from __future__ import annotations

import json

import pytest

from mesosweep.backends.vertex.recorded import as_recorded
from mesosweep.backends.vertex.request import Go
from mesosweep.domain.space import Assignment
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.testing.bucket import MemoryBucket, leave_record

WORDS = {"species": "counting", "algorithm": "count", "stage": "1", "attempt": "0"}


def recorded(bucket: MemoryBucket, study: Study, *, chosen: Assignment, had: Assignment) -> Trial:
    folder = f"{study.folder}/1"
    leave_record(bucket, folder, words={**WORDS, "timesteps": "100"}, reward=3.0)
    told = json.loads(bucket.objects[f"{folder}/metrics.json"])
    bucket.write(f"{folder}/metrics.json", json.dumps({**told, "assignment": had}).encode())
    return as_recorded(Trial("1", 0, "finished", chosen), Go.first(study), bucket)


def test_a_record_of_other_values_is_told_as_another_trials(
    bucket: MemoryBucket, study: Study
) -> None:
    trial = recorded(bucket, study, chosen={"count_gain": 0.25}, had={"count_gain": 0.75})

    assert trial.status == "failed"
    assert trial.assignment == {"count_gain": 0.25}
    assert trial.panel is None
    assert trial.reason == (
        f"another trial wrote here: {study.folder}/1/metrics.json tells of count_gain 0.75, "
        "and Vertex AI chose 0.25"
    )


def test_another_word_is_another_trials_too(bucket: MemoryBucket, study: Study) -> None:
    trial = recorded(bucket, study, chosen={"net_arch": "small"}, had={"net_arch": "large"})

    assert trial.status == "failed"


@pytest.mark.parametrize(
    ("chosen", "had"),
    [
        ({"count_gain": 0.1234567891}, {"count_gain": 0.123456789}),  # fewer digits travelled
        ({"count_batch": 64}, {"count_batch": 64.0}),
        ({"count_gain": 0.5}, {"count_gain": 0.5, "count_fixed": 3}),  # fixed by an earlier stage
        ({"count_gain": 0.5}, {}),
        ({"net_arch": "small"}, {"net_arch": [64, 64]}),  # a name, and what it stands for
    ],
)
def test_the_same_values_may_be_spelled_otherwise(
    bucket: MemoryBucket, study: Study, chosen: Assignment, had: Assignment
) -> None:
    trial = recorded(bucket, study, chosen=chosen, had=had)

    assert (trial.status, trial.assignment) == ("finished", chosen)
