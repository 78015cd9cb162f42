"""Learning curves, read quickly: a trial repeats each evaluation on many lines."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Evaluation
from mesosweep.records.scores import evaluation_from

_KEY = b'"last_evaluation":'
POINTS = 80
"""A drawing as wide as a page shows no more points of one curve."""


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation of a curve."""

    step: int
    reward: float
    score: Score | None = field(default=None, compare=False, repr=False)
    """All that the evaluation told."""


def read_curve(path: Path) -> tuple[Point, ...]:
    """Return a trial's finite evaluations in order, thinned to `POINTS`; empty when there are none.

    Decodes only lines that tell a new evaluation: of a long trial they are one in a hundred.
    """
    found: dict[int, Point] = {}
    last = b""
    try:
        file = path.open("rb")
    except OSError:
        return ()
    with file:
        for line in file:
            told = line.partition(_KEY)[2]
            head = told[: told.find(b",")]  # `{"step":100000` of an evaluation, `null` before it
            if not told or head == last or told.startswith(b"null"):
                continue
            if (evaluation := _evaluation(line)) is not None:
                score = evaluation.score
                found[evaluation.step] = Point(evaluation.step, score.mean_reward, score)
            # Only a step tells one evaluation from another.
            last = head if head.startswith(b'{"step":') else b""
    curve = sorted(found.values(), key=lambda point: point.step)
    return thinned([point for point in curve if math.isfinite(point.reward)])


def thinned(curve: list[Point]) -> tuple[Point, ...]:
    """Return at most `POINTS` of a curve, evenly, its first and last and best among them."""
    if len(curve) <= POINTS:
        return tuple(curve)
    count = POINTS - 1
    chosen = {round(number * (len(curve) - 1) / (count - 1)) for number in range(count)}
    chosen.add(max(range(len(curve)), key=lambda place: curve[place].reward))
    return tuple(curve[place] for place in sorted(chosen))


def _evaluation(line: bytes) -> Evaluation | None:
    try:
        return evaluation_from(json.loads(line)["last_evaluation"])
    except (ValueError, KeyError, TypeError):
        return None
