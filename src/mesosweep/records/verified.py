"""`verified.json`: what a winner scored on the test block, kept beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mesosweep.domain.errors import StateDamaged
from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score
from mesosweep.records.files import write_json
from mesosweep.records.scores import score_from, score_to

_NAME = "verified.json"


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who is judged, and on how many episodes."""

    arguments: Sequence[str]
    """argv of the winner's trial, its output folder included."""
    trial_id: str
    winner: str
    """Policy zip of the winner's bundle."""
    episodes: int
    default: str | None = None
    """Policy zip of the species' own configuration, where that was tried."""


def write_verified(folder: Path, hearing: Hearing, verified: Verified) -> None:
    """Keep the scores with the question that they answer; raises StoreError."""
    scores = {field.name: score_to(getattr(verified, field.name)) for field in fields(verified)}
    write_json(folder / _NAME, {"hearing": _question(hearing), "scores": scores})


def read_verified(folder: Path, hearing: Hearing) -> Verified | None:
    """Return the scores of this very hearing; None when it was not held yet.

    Raises:
        StateDamaged: the file is there and cannot be believed.
    """
    path = folder / _NAME
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["hearing"] != _question(hearing):
            return None
        scores = told["scores"]
        default = scores["default"]
        return Verified(
            winner=_score(scores["winner"]),
            zero=_score(scores["zero"]),
            random=_score(scores["random"]),
            untrained=_score(scores["untrained"]),
            default=None if default is None else _score(default),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise StateDamaged(
            f"{path}: cannot be believed: {cause!r}.",
            hint="Restore it, or remove it to judge anew.",
        ) from cause


def _question(hearing: Hearing) -> dict[str, object]:
    # By name within the trial's folder: a sweep that was moved is judged already.
    asked = asdict(hearing) | {"winner": Path(hearing.winner).name}
    del asked["arguments"]
    return asked | {"default": hearing.default and Path(hearing.default).parent.parent.name}


def _score(told: object) -> Score:
    score = score_from(told)  # type: ignore[arg-type]  # checked by what it raises
    if score is None:
        raise ValueError("a score is missing")
    return score
