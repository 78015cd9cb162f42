"""A sweep whose study took two jobs, as the commands that look at it show it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mesosweep.domain import events as e
from mesosweep.domain.trial import Evaluation, Progress, Trial
from mesosweep.domain.winner import Winner
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Circumstances, write_metrics
from mesosweep.records.progress import ProgressWriter
from mesosweep.report.picture import Picture, picture_of
from mesosweep.stores.file import FileStore
from mesosweep.testing.command import Mesosweep
from mesosweep.testing.story import Story, a_score


@pytest.fixture
def root(here: Path) -> Path:
    """Return the folder of a sweep of a velociraptor with a trial 1 of each of two jobs."""
    root = here / "sweeps/velociraptor/ppo"
    for folder in ("stage1", "stage1_a1"):
        trial = TrialFolder(root / folder / "1")
        trial.path.mkdir(parents=True)
        trial.log.write_text(f"said in {folder}\n")
    return root


def keep(root: Path, picture: Picture) -> None:
    FileStore(root).save("sweep_state_velociraptor_ppo", picture.state, replacing=None)


def two_jobs(story: Story) -> Picture:
    picture = picture_of(story.plan)
    for event in story.second_job():
        picture = picture.after(event)
    return picture


def test_status_reads_the_progress_of_a_trial_where_its_own_job_writes_it(
    mesosweep: Mesosweep, root: Path, story: Story
) -> None:
    keep(root, two_jobs(story))
    for folder, step in (("stage1", 10), ("stage1_a1", 700)):
        with ProgressWriter(root / folder / "1" / "progress.jsonl") as progress:
            progress.tell(Progress(step, 100.0, Evaluation(step, a_score(1.0))))

    told = json.loads(mesosweep("status", "--json").out)
    shown = mesosweep("status").out

    (running,) = [t for t in told["stages"][0]["trials"] if t["status"] == "running"]
    assert (running["attempt"], running["progress"]["step"]) == (1, 700)
    assert "1/a1/1" in shown
    assert "1/a0/1 best" in shown


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("stage1/1", "stage1"),
        ("stage1_a1/1", "stage1_a1"),
        ("1/a0/1", "stage1"),
        ("1/a1/1", "stage1_a1"),
        ("a0/1", "stage1"),
        ("1/1", "stage1_a1"),
        ("1", "stage1_a1"),
    ],
)
def test_a_trial_has_a_log_by_every_name_that_is_shown_of_it(
    mesosweep: Mesosweep, root: Path, story: Story, name: str, folder: str
) -> None:
    keep(root, two_jobs(story))

    assert mesosweep("logs", name).out == f"said in {folder}\n"


def test_a_trial_of_no_such_job_has_none(mesosweep: Mesosweep, root: Path, story: Story) -> None:
    keep(root, two_jobs(story))

    assert "No trial '1/a2/1'" in mesosweep("logs", "1/a2/1").error


def test_tidying_up_tells_the_winner_from_its_namesake(
    mesosweep: Mesosweep, root: Path, story: Story
) -> None:
    winner = with_bundle(root, story.finished(1, 120.0), "stage1")
    loser = with_bundle(root, story.finished(1, 110.0, attempt=1), "stage1_a1")
    assert winner.checkpoint is not None
    picture = two_jobs(story)
    for event in (
        e.TrialFinished(1, winner),
        e.TrialFinished(1, loser),
        e.WinnerChosen(1, Winner(winner, 120.0, winner.checkpoint, gate_passed=True)),
        e.WinnerVerified(story.now, 1, e.Verified(*[a_score(1.0)] * 4)),
    ):
        picture = picture.after(event)
    keep(root, picture)

    assert mesosweep("gc", "--keep", "best", "--yes").code == 0

    assert TrialFolder(root / "stage1" / "1").best.is_file()
    assert not TrialFolder(root / "stage1_a1" / "1").models.exists()


def with_bundle(root: Path, trial: Trial, folder: str) -> Trial:
    """Return the trial with a model in its folder, and its record beside that."""
    place = TrialFolder(root / folder / trial.trial_id)
    place.models.mkdir()
    place.best.write_text("a policy")
    assert trial.checkpoint is not None
    trial = replace(trial, checkpoint=replace(trial.checkpoint, uri=str(place.best)))
    write_metrics(place.metrics, trial, Circumstances("velociraptor", "ppo", 1))
    return trial


@pytest.fixture
def story() -> Story:
    return Story()
