"""Where a sweep's own checkpoints lie, told from its folder, so that the folder can be moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Checkpoint, Trial

_Place: TypeAlias = Callable[[str], str]


def portable(state: SweepState, root: Path) -> SweepState:
    """Return the state with every address below `root` told from there."""

    def place(uri: str) -> str:
        path = Path(uri)
        return str(path.relative_to(root)) if path.is_relative_to(root) else uri

    return with_places(state, place)


def located(state: SweepState, root: Path) -> SweepState:
    """Undo `portable`, wherever the folder lies by now and however it is spelt."""

    def place(uri: str) -> str:
        # An absolute path stays as it is, and so does an address in a bucket.
        return uri if "://" in uri else str(root / uri)

    return with_places(state, place)


def with_places(state: SweepState, place: _Place) -> SweepState:
    """Return the state with every address of a checkpoint of its own as `place` has it."""
    stages = [_stage(stage, place) for stage in state.stages]
    # What the first one starts from is the user's own file, wherever that is.
    return replace(state, stages=(*stages[:1], *(_parent(stage, place) for stage in stages[1:])))


def _parent(stage: StageState, place: _Place) -> StageState:
    return stage if stage.parent is None else replace(stage, parent=place(stage.parent))


def _stage(stage: StageState, place: _Place) -> StageState:
    winner = stage.winner
    if winner is not None:
        checkpoint = replace(winner.checkpoint, uri=place(winner.checkpoint.uri))
        winner = replace(winner, trial=_trial(winner.trial, place), checkpoint=checkpoint)
    trials = tuple(_trial(trial, place) for trial in stage.trials)
    return replace(stage, trials=trials, winner=winner)


def _trial(trial: Trial, place: _Place) -> Trial:
    return replace(
        trial,
        checkpoint=_checkpoint(trial.checkpoint, place),
        final_checkpoint=_checkpoint(trial.final_checkpoint, place),
    )


def _checkpoint(checkpoint: Checkpoint | None, place: _Place) -> Checkpoint | None:
    return None if checkpoint is None else replace(checkpoint, uri=place(checkpoint.uri))
