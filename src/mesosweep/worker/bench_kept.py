"""What `bench` measured, kept for `plan`: its time estimate knows what side by side costs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from mesosweep.domain.plan import SweepPlan
from mesosweep.settings.advice import Measurement, SideBySide
from mesosweep.worker import cache
from mesosweep.worker.bench import Subject


def remember(subject: Subject, found: Measurement) -> None:
    """Keep a measurement for `sides_of`."""
    place = _place(subject.code, subject.algorithm)
    kept = cache.read(place)
    stages = kept.get("stages", {}) if isinstance(kept, dict) else {}
    cache.keep(place, {"stages": {**stages, str(subject.stage): asdict(found)}})


def sides_of(plan: SweepPlan) -> dict[int, tuple[SideBySide, ...]]:
    """Return what was measured of processes side by side, for each stage of a plan.

    Another stage of the same animal and algorithm stands in for one that was not
    measured: what side by side costs is a matter of the machine. Empty when none was.
    """
    kept = cache.read(_place(str(plan.comparables.get("species_code")), plan.algorithm))
    found: dict[int, tuple[SideBySide, ...]] = {}
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        for stage, told in kept["stages"].items():
            found[int(stage)] = tuple(SideBySide(**side) for side in told["sides"])
    if not found:
        return {}
    any_other = found[min(found)]
    return {stage.number: found.get(stage.number, any_other) for stage in plan.stages}


def _place(code: str, algorithm: str) -> Path:
    return cache.place_of("bench", {"species_code": code, "algorithm": algorithm})
