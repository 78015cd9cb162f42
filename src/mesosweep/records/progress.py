"""`progress.jsonl`: where a running trial stands, one line at a time, cheap to follow."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from mesosweep.domain.trial import Evaluation, Progress
from mesosweep.records.files import without_nonfinite, write_text, writing
from mesosweep.records.scores import evaluation_from, evaluation_to

TAIL_BYTES = 8_192


class ProgressWriter:
    """Appends whole lines; each is one write, so that a reader never sees two mixed.

    A line that a killed writer left unfinished is closed, not continued.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            if _is_torn(path):
                os.write(self._handle, b"\n")

    def tell(self, progress: Progress, values: Mapping[str, float] | None = None) -> None:
        """Append where the trial stands, with the learner's own numbers."""
        line = {
            "step": progress.step,
            # Who wrote it: that no step is trained by two processes can be read off.
            "pid": os.getpid(),
            "steps_per_s": progress.steps_per_s,
            "last_evaluation": evaluation_to(progress.last_evaluation),
            **({"values": dict(values)} if values else {}),
        }
        text = json.dumps(without_nonfinite(line), allow_nan=False, separators=(",", ":"))
        with writing(self._path):
            os.write(self._handle, text.encode() + b"\n")

    def close(self) -> None:
        os.close(self._handle)

    def __enter__(self) -> ProgressWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def forget_after(path: Path, step: int) -> None:
    """Drop the lines of later steps: a lost worker took those steps with it.

    The trial goes on from `step`, so each step stands there once, by the process whose
    work counts. Only the trial's one writer may do this; raises StoreError.
    """
    if not path.exists():
        return
    with writing(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    kept = [line for line in lines if _step_of(line) <= step]
    if len(kept) < len(lines):
        write_text(path, "".join(f"{line}\n" for line in kept))


def read_tail(path: Path, *, limit: int = TAIL_BYTES) -> tuple[dict[str, Any], ...]:
    """Return the whole lines among the last `limit` bytes, oldest first; empty when there are none.

    Reads no more than that, whatever the size of the file, and passes over torn lines.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(size - limit, 0)
            # One byte more tells whether the first line is whole.
            file.seek(max(start - 1, 0))
            content = file.read()
    except OSError:
        return ()
    lines = content.split(b"\n")
    if start:
        lines = lines[1:]
    found = []
    for line in lines[:-1]:  # what follows the last line break is unfinished
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return tuple(found)


def latest_progress(path: Path) -> Progress | None:
    """Return where a trial stands; None when it has not said yet."""
    for line in reversed(read_tail(path)):
        step, pace = line.get("step"), line.get("steps_per_s")
        if isinstance(step, int):
            return Progress(
                step=step,
                steps_per_s=pace if isinstance(pace, int | float) else None,
                last_evaluation=_evaluation(line.get("last_evaluation")),
            )
    return None


def all_evaluations(path: Path) -> tuple[Evaluation, ...]:
    """Return every evaluation of a trial once, in order; empty when it was never evaluated.

    Reads the whole file. Torn lines are passed over.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    found: dict[int, Evaluation] = {}
    for line in lines:
        try:
            told = json.loads(line)["last_evaluation"]
        except (ValueError, KeyError, TypeError):
            continue
        # Each line repeats the last one; only the first of them has news.
        if not isinstance(told, dict) or told.get("step") in found:
            continue
        evaluation = _evaluation(told)
        if evaluation is not None:
            found[evaluation.step] = evaluation
    return tuple(found.values())


def _evaluation(told: Any) -> Evaluation | None:
    try:
        return evaluation_from(told)
    except (KeyError, TypeError, ValueError):
        return None


def _step_of(line: str) -> float:
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return math.inf
    return step if isinstance(step, int) else math.inf


def _is_torn(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
