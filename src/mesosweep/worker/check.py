"""What no plan can know by itself: does every corner of its spaces build, and how fast is training.

Runs in a process of its own, because it needs all that training needs:
`checked(plan)` starts it, or finds what it said about the same plan on the same machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import platform
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mesosweep import __version__
from mesosweep.domain.errors import MesosweepError, SettingsError, StoreError
from mesosweep.domain.plan import SweepPlan

_MATTERS = ("torch", "stable-baselines3", "mujoco", "gymnasium")
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
    with suppress(OSError, ValueError, TypeError, KeyError):
        return _read(json.loads(place.read_text(encoding="utf-8")))
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
            f"The corners of the search space cannot be checked: {_last_line(done.stderr)}",
            hint="--no-check goes on without; a trial's worker.log will then tell more.",
        ) from None
    if "error" in told:
        raise _known_error(told["error"])
    found = _read(told)
    _keep(place, told)
    return found


def _read(told: dict[str, list[dict[str, float]]]) -> tuple[StageCheck, ...]:
    return tuple(StageCheck(**stage) for stage in told["stages"])  # type: ignore[arg-type]  # JSON


def _known_error(told: dict[str, str | int | None]) -> MesosweepError:
    kinds: dict[object, type[MesosweepError]] = {
        SettingsError.exit_code: SettingsError,
        StoreError.exit_code: StoreError,
    }
    kind = kinds.get(told["exit_code"], CheckFailed)
    hint = told["hint"]
    return kind(str(told["message"]), hint=str(hint) if hint else None)


def _cache(plan: SweepPlan) -> Path:
    """Return where the answer about this plan on this machine is kept."""
    about = {
        "plan": plan.comparables,
        "stages": [
            [repr(stage.space), dict(stage.default or {}), [dict(e) for e in stage.enqueued]]
            for stage in plan.stages
        ],
        "machine": [platform.node(), platform.processor(), os.cpu_count()],
        "packages": {name: _version(name) for name in _MATTERS},
        "mesosweep": __version__,
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "mesosweep" / f"check-{digest}.json"


def _keep(place: Path, told: object) -> None:
    # A cache that cannot be written costs seconds, not results.
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(told, file)
        Path(aside).replace(place)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "the process ended without a word"


def told_as(found: tuple[StageCheck, ...]) -> dict[str, object]:
    """Return the JSON-able form that `checked` reads back."""
    return {"stages": [asdict(stage) for stage in found]}
