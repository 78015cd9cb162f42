"""What doing nothing useful scores on every stage, as `python -m mesosweep_velociraptor.measure` found."""

from __future__ import annotations

from mesosweep.api import Baseline

BASELINES: dict[int, tuple[Baseline, ...]] = {}
