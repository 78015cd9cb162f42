"""`held_out.json`: what a training run scored on episodes that nothing was chosen by."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mesosweep.domain.errors import StateDamaged
from mesosweep.domain.score import Score
from mesosweep.records.files import write_json
from mesosweep.records.scores import score_from, score_to

_NAME = "held_out.json"


@dataclass(frozen=True, slots=True)
class Question:
    """Which bundle of a run is played, and for how many episodes of the `proof` block."""

    policy: str
    """Name of the policy's zip."""
    episodes: int


def write_held_out(folder: Path, question: Question, score: Score) -> None:
    """Keep a run's score with the question that it answers; raises StoreError."""
    write_json(folder / _NAME, {"question": asdict(question), "score": score_to(score)})


def read_held_out(folder: Path, question: Question) -> Score | None:
    """Return the run's score; None when this very question was not asked yet.

    Raises:
        StateDamaged: the file is there and cannot be believed.
    """
    path = folder / _NAME
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return score_from(told["score"]) if told["question"] == asdict(question) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise StateDamaged(
            f"{path}: cannot be believed: {cause!r}.",
            hint="Remove it to have the run played anew.",
        ) from cause
