"""The one number that a tuning service reads while a trial runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import ExtraMissing

METRIC = "best_mean_reward"
_PATH = "CLOUD_ML_HP_METRIC_FILE"


class TuningReport:
    """Reports through cloudml-hypertune, into the file that the service watches.

    Without a service the file lies in the trial's folder: the package's own default
    is one path for the whole machine, which trials side by side would fight over.
    """

    def __init__(self, folder: Path) -> None:
        self._service: Any = None
        watched = os.environ.get(_PATH)
        path = watched or str(folder.absolute() / "hypertune" / "output.metric")
        try:
            import hypertune
        except ImportError as cause:
            if watched:
                raise ExtraMissing(
                    "Reporting to Vertex AI", "cloudml-hypertune", "vertex"
                ) from cause
            return
        # The package reads its path from the environment, once.
        os.environ[_PATH] = path
        try:
            self._service = hypertune.HyperTune()
        finally:
            if watched is None:
                del os.environ[_PATH]

    def __call__(self, best_mean_reward: float, *, step: int) -> None:
        """Report the best mean so far; the caller sees to it that it is finite and never falls."""
        if self._service is not None:
            self._service.report_hyperparameter_tuning_metric(
                hyperparameter_metric_tag=METRIC,
                metric_value=best_mean_reward,
                global_step=step,
            )
