"""A trial's curve as event files: `tensorboard --logdir sweeps` shows all trials side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import ExtraMissing
from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.ports import Track
from mesosweep.trackers._curve import of_evaluation, of_learner, of_trial, settings_of

FOLDER = "tensorboard"
"""Below the trial's folder."""


@contextmanager
def tensorboard(order: Mapping[str, Any]) -> Iterator[Track]:
    """Write into `<trial>/tensorboard`; a resumed trial goes on in the same folder.

    Raises:
        ExtraMissing: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ModuleNotFoundError as cause:
        missing = cause.name or "tensorboard"
        raise ExtraMissing("tracker 'tensorboard'", missing, "tensorboard") from cause
    began = int(order.get("step") or 0)
    # Readers forget what a lost process wrote beyond the step that is gone on from.
    purge = began + 1 if began else None
    folder = Path(order["folder"]) / FOLDER
    with SummaryWriter(log_dir=str(folder), purge_step=purge) as writer:
        yield _Track(writer, settings_of(order))


class _Track:
    def __init__(self, writer: Any, settings: Mapping[str, bool | int | float | str]) -> None:
        self._writer = writer
        self._settings = settings
        self._step = 0

    def evaluated(self, evaluation: Evaluation) -> None:
        self._tell(of_evaluation(evaluation), evaluation.step)
        # Who watches a run wants its evaluations as they come, not two minutes later.
        self._writer.flush()

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        self._tell(of_learner(values), step)

    def ended(self, trial: Trial) -> None:
        from torch.utils.tensorboard.summary import hparams

        found = of_trial(trial)
        self._tell(found, self._step)
        # The writer's own `add_hparams` would make a second run of it.
        parts = hparams(dict(self._settings), found)  # type: ignore[no-untyped-call]  # torch's
        for part in parts:
            self._writer.file_writer.add_summary(part)

    def _tell(self, values: Mapping[str, float], step: int) -> None:
        self._step = max(self._step, step)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
