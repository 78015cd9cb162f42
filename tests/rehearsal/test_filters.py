"""The filter language of listings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mesosweep.rehearsal.filters import Listed, parse_filter
from mesosweep.rehearsal.refusal import Refusal

JOB = Listed(
    "velociraptor stage 1",
    "JOB_STATE_RUNNING",
    datetime(2026, 3, 1, 12, tzinfo=UTC),
    {"sweep": "abc-1", "stage": "1"},
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "labels.sweep=abc-1",
        'labels.sweep="abc-1"',
        "labels.stage:*",
        'display_name="velociraptor stage 1"',
        'displayName="velociraptor stage 1"',
        'display_name:"velociraptor*"',
        "state=JOB_STATE_RUNNING",
        'state!="JOB_STATE_FAILED"',
        'create_time>"2026-03-01T11:59:59Z"',
        'create_time<="2026-03-01T13:00:00+01:00"',
        "labels.sweep=abc-1 AND labels.stage=1",
        "labels.sweep=abc-1 labels.stage=1",
        "labels.sweep=other OR labels.stage=1",
        "NOT labels.sweep=other",
        "-labels.sweep=other",
        "labels.stage=1 AND (state=JOB_STATE_PENDING OR state=JOB_STATE_RUNNING)",
        "labels.colour!=red",
    ],
)
def test_a_job_that_meets_the_filter_is_admitted(text: str) -> None:
    assert parse_filter(text)(JOB)


@pytest.mark.parametrize(
    "text",
    [
        "labels.sweep=abc",
        "labels.colour:*",
        'display_name="velociraptor"',
        'display_name:"[a-z]*"',
        "state=JOB_STATE_FAILED",
        'create_time>"2026-03-01T12:00:00Z"',
        "NOT labels.stage=1",
        # AND binds looser than OR: (no or yes) and no.
        "labels.sweep=other OR labels.stage=1 AND labels.stage=2",
    ],
)
def test_a_job_that_does_not_is_left_out(text: str) -> None:
    assert not parse_filter(text)(JOB)


@pytest.mark.parametrize(
    "text",
    [
        "colour=red",
        "labels=1",
        "labels.sweep",
        "labels.sweep=",
        "state>JOB_STATE_RUNNING",
        "labels.sweep:abc",
        "(labels.sweep=abc-1",
        "labels.sweep=abc-1)",
        'display_name="open',
        'create_time>"yesterday"',
        'create_time>"2026-03-01T12:00:00"',
    ],
)
def test_what_cannot_be_asked_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_filter(text)

    assert refused.value.code == "INVALID_ARGUMENT"
    assert refused.value.violations[0].subject == "filter"
