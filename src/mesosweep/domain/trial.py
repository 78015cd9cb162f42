"""One trial: an assignment, trained and measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.space import Assignment, Value

TrialStatus: TypeAlias = Literal[
    "running", "finished", "stopped", "failed", "diverged", "timed_out"
]
"""`running` includes a trial whose worker was lost and that waits to go on."""
CheckpointKind: TypeAlias = Literal["best", "final"]

ENDED: frozenset[TrialStatus] = frozenset(
    ("finished", "stopped", "failed", "diverged", "timed_out")
)
LOST: frozenset[TrialStatus] = frozenset(("failed", "diverged", "timed_out"))
"""Ended without a result that may win."""
_NO_NUMBER = 1 << 62
"""Ids that are words come after those that are numbers."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One look at the policy during training, on the stage's reference env."""

    step: int
    """Environment steps trained so far."""
    score: Score


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published bundle that the next stage can start from."""

    uri: str
    """Path or URI of the policy zip; statistics and manifest lie beside it."""
    kind: CheckpointKind
    trial_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a running trial stands; for people to look at, never for decisions."""

    step: int = 0
    steps_per_s: float | None = None
    last_evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial as its backend reports it. Its identity is (study, attempt, id)."""

    trial_id: str
    attempt: int
    status: TrialStatus
    assignment: Assignment
    """What the sampler chose."""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """Everything as resolved in the worker, e.g. `ppo.gamma`; known when the trial ends."""
    origin: str = "sampler"
    """`default`, `enqueued`, `startup`, `model`, `service`: how the assignment came to be."""
    best_mean_reward: float | None = None
    """Highest mean evaluation reward seen in training; None until one was finite."""
    panel: Score | None = None
    verdict: Verdict | None = None
    """The gate's word on the panel."""
    checkpoint: Checkpoint | None = None
    final_checkpoint: Checkpoint | None = None
    steps_asked: int | None = None
    steps_trained: int | None = None
    duration_s: float | None = None
    reason: str | None = None
    """Why it ended, when not by finishing."""
    seed: int | None = None
    progress: Progress | None = field(default=None, compare=False)

    @property
    def identity(self) -> tuple[int, str]:
        """What tells it from every other trial of its study: attempt and id.

        Each job of a study numbers its trials anew, so an id alone tells nothing.
        """
        return self.attempt, self.trial_id

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it stands among the trials of its study: by attempt, then by number."""
        number = int(self.trial_id) if self.trial_id.isdigit() else _NO_NUMBER
        return self.attempt, number, self.trial_id

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def passed(self) -> bool:
        return self.status == "finished" and self.verdict is not None and self.verdict.passed

    def objective(self, name: str) -> float | None:
        """Return the finite value of `panel_mean_reward` or `best_mean_reward`, else None."""
        if name == "best_mean_reward":
            value = self.best_mean_reward
        else:
            value = self.panel.mean_reward if self.panel else None
        return value if value is not None and math.isfinite(value) else None
