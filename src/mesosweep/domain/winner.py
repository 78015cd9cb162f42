"""Who wins a stage, and what the winner hands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesosweep.domain.errors import NoTrialFinished
from mesosweep.domain.space import Assignment
from mesosweep.domain.study import SelectBy
from mesosweep.domain.trial import Checkpoint, CheckpointKind, Trial


@dataclass(frozen=True, slots=True)
class Winner:
    """The trial that a stage goes on with."""

    trial: Trial
    objective: float
    """Its value of `select_by`."""
    checkpoint: Checkpoint
    """What the next stage starts from."""
    gate_passed: bool

    def fixes(self, names: frozenset[str]) -> Assignment:
        """Return those of its parameters that the checkpoint forces on later stages."""
        return {n: v for n, v in self.trial.assignment.items() if n in names}


def choose_winner(
    trials: Iterable[Trial], *, select_by: SelectBy, handoff: CheckpointKind
) -> Winner:
    """Pick the best trial that passed the gate, or the best of all when none did.

    Ties go to the earlier trial, so that a resumed sweep stays on the same
    checkpoint. A stopped trial faced no panel and cannot win.

    Raises:
        NoTrialFinished: no trial has a finite score and a checkpoint to hand on.
    """
    finished = [t for t in trials if t.status == "finished" and _handed(t, handoff)]
    scored = [(t, value) for t in finished if (value := t.objective(select_by)) is not None]
    if not scored:
        raise NoTrialFinished("No trial finished with a finite score and a checkpoint.")
    passed = [(t, value) for t, value in scored if t.passed]
    # max() keeps the first of equals, and trials come by attempt and id.
    trial, value = max(passed or scored, key=lambda pair: pair[1])
    checkpoint = _handed(trial, handoff)
    assert checkpoint is not None
    return Winner(trial, value, checkpoint, gate_passed=trial.passed)


def _handed(trial: Trial, handoff: CheckpointKind) -> Checkpoint | None:
    return trial.final_checkpoint if handoff == "final" else trial.checkpoint
