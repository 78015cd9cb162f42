"""`_stage<N>_results.csv` is there as soon as a stage has ended."""

from __future__ import annotations

import csv
from pathlib import Path

from mesosweep.domain.events import StageFailed, StageSkipped
from mesosweep.domain.winner import Winner
from mesosweep.report.results.stage_files import StageFiles, stage_file
from mesosweep.testing.story import Story
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


class Following:
    """A follower over a made-up sweep, and what it said."""

    def __init__(self, output: Path) -> None:
        self.root = make_up_sweep(output, MadeUp(trials=4))
        self.warned: list[str] = []
        self.published: list[Path] = []
        self.gathered = 0
        self.tell = StageFiles(
            self.root,
            warn=self.warned.append,
            gather=self.gather,
            publish=self.published.append,
        )

    def gather(self) -> None:
        assert len(self.published) == self.gathered
        self.gathered += 1

    def ids(self, stage: int) -> list[str]:
        with stage_file(self.root, stage).open(newline="") as file:
            return [row["trial_id"] for row in csv.DictReader(file)]


def test_it_is_written_when_the_winner_is_verified(story: Story, tmp_path: Path) -> None:
    following = Following(tmp_path)

    for event in story.whole_stage(2, 300.0):
        following.tell(event)

    assert following.ids(2) == ["0", "1", "2", "3"]
    assert following.published == [following.root / "_stage2_results.csv"]
    assert following.gathered == 1
    assert not stage_file(following.root, 1).exists()


def test_it_is_written_when_a_stage_has_no_winner(story: Story, tmp_path: Path) -> None:
    following = Following(tmp_path)

    following.tell(StageFailed(story.now, 1, "no trial passed"))

    assert len(following.ids(1)) == 4


def test_it_is_made_up_for_when_the_run_before_was_killed(story: Story, tmp_path: Path) -> None:
    following = Following(tmp_path)
    trial = story.finished(0, 5.0)
    assert trial.checkpoint is not None
    skipped = StageSkipped(1, Winner(trial, 5.0, trial.checkpoint, gate_passed=True))

    following.tell(skipped)
    following.tell(skipped)

    assert following.published == [stage_file(following.root, 1)]


def test_what_goes_wrong_is_said_and_does_not_stop_the_sweep(story: Story, tmp_path: Path) -> None:
    following = Following(tmp_path)
    stage_file(following.root, 1).mkdir()

    following.tell(StageFailed(story.now, 1, "no trial passed"))

    assert "results of stage 1 were not written" in following.warned[0]


def test_a_stage_whose_trials_left_nothing_has_no_file_and_no_second_complaint(
    story: Story, tmp_path: Path
) -> None:
    following = Following(tmp_path)

    following.tell(StageFailed(story.now, 9, "no container could start"))

    assert following.warned == []
    assert not stage_file(following.root, 9).exists()
