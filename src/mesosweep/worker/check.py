"""What no plan can know by itself: does every corner of its spaces build, and how fast is training.

Runs in a process of its own, because it needs all that training needs:
`checked(plan)` starts it, or finds what it said about the same plan on the same machine.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mesosweep.domain.errors import MesosweepError, SettingsError, StoreError
from mesosweep.domain.plan import SweepPlan
from mesosweep.worker import cache

_PATIENCE_S = 600


@dataclass(frozen=True, slots=True)
class StageCheck:
    """What was found out about one stage."""

    stage: int
    corners: int
    """Assignments that were built: every extreme of every parameter, and the default."""
    horizon: int | None
    """Control steps of a full episode, where it is known."""
    steps_per_s: float
    """Training steps per second of one trial alone, updates included."""
    playing_steps_per_s: float
    """Steps per second of evaluations, all lanes of a batch together."""


class CheckFailed(MesosweepError):
    """The process that checks died without saying why."""


def checked(plan: SweepPlan) -> tuple[StageCheck, ...]:
    """Build every corner of every stage and measure how fast the default trains.

    Raises:
        SettingsError: some assignment that a trial may get cannot be built.
        StoreError: the checkpoint to start from is not one.
        PluginError: what the species or the algorithm needs is not there.
        CheckFailed: anything else; the message is the last line of the process.
    """
    place = _cache(plan)
    with suppress(TypeError, KeyError):
        return _read(cache.read(place))
    done = subprocess.run(
        [sys.executable, "-m", "mesosweep.worker.checking"],
        input=pickle.dumps(plan),
        capture_output=True,
        # As a trial runs: alone on its core.
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        timeout=_PATIENCE_S,
        check=False,
    )
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise CheckFailed(
            f"The corners of the search space cannot be checked: {last_line(done.stderr)}",
            hint="--no-check goes on without; a trial's worker.log will then tell more.",
        ) from None
    if "error" in told:
        raise known_error(told["error"])
    found = _read(told)
    # A machine too busy to come to one step was not measured; ask it again another time.
    if all(stage.steps_per_s > 0 for stage in found):
        cache.keep(place, told)
    return found


def _read(told: dict[str, list[dict[str, float]]]) -> tuple[StageCheck, ...]:
    return tuple(StageCheck(**stage) for stage in told["stages"])  # type: ignore[arg-type]  # JSON


def known_error(told: dict[str, str | int | None]) -> MesosweepError:
    """Return the error that a process told in JSON."""
    kinds: dict[object, type[MesosweepError]] = {
        SettingsError.exit_code: SettingsError,
        StoreError.exit_code: StoreError,
    }
    kind = kinds.get(told["exit_code"], CheckFailed)
    hint = told["hint"]
    return kind(str(told["message"]), hint=str(hint) if hint else None)


def _cache(plan: SweepPlan) -> Path:
    """Return where the answer about this plan on this machine is kept."""
    stages = [
        [repr(stage.space), dict(stage.default or {}), [dict(e) for e in stage.enqueued]]
        for stage in plan.stages
    ]
    return cache.place_of("check", {"plan": plan.comparables, "stages": stages})


def last_line(text: bytes) -> str:
    """Return the last line that a process wrote before it ended."""
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "the process ended without a word"


def told_as(found: tuple[StageCheck, ...]) -> dict[str, object]:
    """Return the JSON-able form that `checked` reads back."""
    return {"stages": [asdict(stage) for stage in found]}
