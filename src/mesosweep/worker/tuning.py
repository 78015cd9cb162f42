"""The one number that a tuning service reads while a trial runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import ExtraMissing

METRIC = "best_mean_reward"
_PATH = "CLOUD_ML_HP_METRIC_FILE"
_JOB = "CLOUD_ML_JOB_ID"


def is_watched() -> bool:
    """Whether a tuning service runs this process and reads what it reports."""
    return bool(os.environ.get(_PATH) or os.environ.get(_JOB))


class TuningReport:
    """Reports through cloudml-hypertune, into the file that the service watches.

    A service names the file, or means the package's own default. Without a service it lies
    in the trial's folder: the default is one path for the whole machine, which trials side
    by side would fight over.
    """

    def __init__(self, folder: Path) -> None:
        self._service: Any = None
        watched = os.environ.get(_PATH)
        try:
            import hypertune
        except ImportError as cause:
            if is_watched():
                raise ExtraMissing(
                    "Reporting to Vertex AI", "cloudml-hypertune", "vertex"
                ) from cause
            return
        # The package reads its path from the environment, once.
        if not is_watched():
            os.environ[_PATH] = str(folder.absolute() / "hypertune" / "output.metric")
        try:
            self._service = hypertune.HyperTune()
        finally:
            if watched is None:
                os.environ.pop(_PATH, None)

    def __call__(self, best_mean_reward: float, *, step: int) -> None:
        """Report the best mean so far; the caller sees to it that it is finite and never falls."""
        if self._service is not None:
            self._service.report_hyperparameter_tuning_metric(
                hyperparameter_metric_tag=METRIC,
                metric_value=best_mean_reward,
                global_step=step,
            )
