"""How a training stands after its evaluations: which policy is handed on, and what it has shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mesosweep.domain.score import Gate
from mesosweep.domain.trial import CheckpointKind, Evaluation


@dataclass(frozen=True, slots=True)
class Standing:
    """What the evaluations so far come to."""

    last: Evaluation | None = None
    in_a_row: int = 0
    """So many evaluations in a row passed the gate, the last one of them."""
    best: Evaluation | None = None
    """The one whose policy is kept as the best."""
    best_in_a_row: int = 0
    """So many in a row passed the gate when the best was judged, the best one of them."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a policy before it may be handed on: its gate, so many times in a row.

    Whoever was passed often enough by then goes before whoever was not; among equals the
    higher mean reward does, and the first of equal ones. So the streak that opens a gate is
    always that of the very policy that is handed on, never one from long before or after it.
    """

    gate: Gate = field(default_factory=Gate)
    passes: int = 0
    """0 asks for nothing: the best is the evaluation with the highest mean."""

    @property
    def needed(self) -> int:
        """How many in a row; a stage without a gate asks for none."""
        return 0 if self.gate == Gate() else self.passes

    def after(self, standing: Standing, evaluation: Evaluation) -> Standing:
        """Return the standing once an evaluation is known. What is not finite is never the best."""
        score = evaluation.score
        passed = score.is_finite and self.gate.admits(score).passed
        in_a_row = standing.in_a_row + 1 if passed else 0
        judged = replace(standing, last=evaluation, in_a_row=in_a_row)
        if not score.is_finite or not self._goes_before(evaluation, in_a_row, standing):
            return judged
        return replace(judged, best=evaluation, best_in_a_row=in_a_row)

    def missing(self, standing: Standing, kind: CheckpointKind) -> tuple[str, ...]:
        """Say what a checkpoint of this kind has not shown; empty when nothing is missing."""
        is_best = kind == "best"
        shown, judged = (
            (standing.best_in_a_row, standing.best)
            if is_best
            else (standing.in_a_row, standing.last)
        )
        if judged is None or shown >= self.needed:
            return ()
        times = "evaluation" if shown == 1 else "evaluations"
        told = f"passed by {shown} {times} in a row up to the {kind} checkpoint"
        return (f"{told} (step {judged.step:,}), not {self.needed}",)

    def _goes_before(self, evaluation: Evaluation, in_a_row: int, standing: Standing) -> bool:
        if standing.best is None:
            return True
        ours = (in_a_row >= self.needed, evaluation.score.mean_reward)
        theirs = (standing.best_in_a_row >= self.needed, standing.best.score.mean_reward)
        return ours > theirs
