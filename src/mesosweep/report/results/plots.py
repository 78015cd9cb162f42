"""Two pictures of collected trials, as PNG files. Needs the extra `report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mesosweep.domain.errors import ExtraMissing
from mesosweep.records.files import write_bytes
from mesosweep.report.results.rows import Row

METRICS_PNG = "sweep_trial_metrics.png"
PARAMETERS_PNG = "sweep_hyperparameter_analysis.png"


def write_plots(folder: Path, rows: Sequence[Row]) -> tuple[Path, ...]:
    """Draw both pictures into a folder and return their files.

    Raises:
        ExtraMissing: matplotlib is not installed.
        StoreError: the folder cannot be written.
    """
    try:
        from mesosweep.report.results._metrics_figure import trial_metrics
        from mesosweep.report.results._parameters_figure import hyperparameters
    except ModuleNotFoundError as cause:
        if (cause.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ExtraMissing("--plot", "matplotlib", "report") from None
    pictures = {
        METRICS_PNG: trial_metrics(rows),
        PARAMETERS_PNG: hyperparameters(rows),
    }
    for name, content in pictures.items():
        write_bytes(folder / name, content)
    return tuple(folder / name for name in pictures)
