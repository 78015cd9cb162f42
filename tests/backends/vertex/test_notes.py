"""What a plan on Vertex AI says before anything is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesosweep.backends.vertex.notes import notes_on
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.testing.backend import a_study

SETTINGS = JobSettings(project="a-project", image="europe/a/b:1")


def on_images(*, parallel: int, trials: int = 20, max_failed_trials: int = 3) -> list[str]:
    study = replace(a_study(), parallel=parallel, trials=trials)
    settings = replace(SETTINGS, max_failed_trials=max_failed_trials)
    return [note for note in notes_on(study, settings) if "image" in note]


def test_what_an_image_that_cannot_start_costs_is_told_where_it_is_more_than_failures_end_a_job() -> (
    None
):
    (note,) = on_images(parallel=5)

    assert note.startswith("3 failed trials end a stage's job, but 5 begin at once")
    assert "costs 5 to 7 trials" in note


@pytest.mark.parametrize("parallel", [1, 3])
def test_nothing_is_told_where_no_more_begin_than_may_fail(parallel: int) -> None:
    assert on_images(parallel=parallel) == []


@pytest.mark.parametrize(
    ("parallel", "trials", "costs"), [(5, 6, "costs 5 to 6 trials"), (10, 4, "costs 4 trials")]
)
def test_it_never_costs_more_trials_than_are_asked_for(
    parallel: int, trials: int, costs: str
) -> None:
    (note,) = on_images(parallel=parallel, trials=trials)

    assert costs in note
