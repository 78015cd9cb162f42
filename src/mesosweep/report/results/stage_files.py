"""`_stage<N>_results.csv`: what each stage found, written as it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mesosweep.domain import events as e
from mesosweep.domain.errors import UsageError
from mesosweep.report.results.collecting import collect
from mesosweep.report.results.sheet import write_csv


def stage_file(root: Path, stage: int) -> Path:
    """Return the file of a stage's results, beside the stages."""
    return root / f"_stage{stage}_results.csv"


def write_stage_file(root: Path, stage: int) -> Path:
    """Write the results of all attempts at a stage from what lies in their folders.

    Raises:
        UsageError: there is no trial of the stage.
        StoreError: the folder cannot be written.
    """
    path = stage_file(root, stage)
    write_csv(path, collect(root, stages=(stage,)))
    return path


class StageFiles:
    """Follows a sweep and writes a stage's file when the stage ends.

    `gather` is called first where trials write elsewhere, to have their files below `root`;
    `publish` is told each file, to carry it on to where the sweep is kept. What goes wrong is
    said and never stops the sweep.
    """

    def __init__(
        self,
        root: Path,
        *,
        warn: Callable[[str], None],
        gather: Callable[[], None] | None = None,
        publish: Callable[[Path], object] | None = None,
    ) -> None:
        self._root = root
        self._warn = warn
        self._gather = gather
        self._publish = publish

    def __call__(self, event: e.Event) -> None:
        match event:
            case e.WinnerVerified(stage=stage):
                self._write(stage)
            case e.StageFailed(stage=stage):
                # Where no trial left a record, the stage's own ending says why.
                self._write(stage, may_be_empty=True)
            case e.StageSkipped(stage=stage) if not stage_file(self._root, stage).exists():
                # It ended in a run that was killed before this.
                self._write(stage)
            case _:
                pass

    def _write(self, stage: int, *, may_be_empty: bool = False) -> None:
        try:
            if self._gather is not None:
                self._gather()
            path = write_stage_file(self._root, stage)
            if self._publish is not None:
                self._publish(path)
        except Exception as error:  # noqa: BLE001  # a table of the sweep must not end the sweep
            if may_be_empty and isinstance(error, UsageError):
                return
            self._warn(f"The results of stage {stage} were not written as CSV: {error}")
