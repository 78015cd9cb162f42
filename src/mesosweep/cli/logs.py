"""`mesosweep logs TRIAL`: the last lines that a trial's worker wrote."""

from __future__ import annotations

import re
import sys
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from mesosweep.cli.found import one_sweep, output_dir, place_of, trial_folders
from mesosweep.cli.options import AlgorithmName, OutputDir, Species
from mesosweep.domain.errors import StoreError, UsageError, did_you_mean

EXAMPLES = (
    "mesosweep logs stage1/3\n\nmesosweep logs 3 --stage 1 --lines 200\n\n"
    "mesosweep logs stage1_a1/3"
)
_SHOWN = re.compile(r"(?:(?P<stage>\d+)/)?(?:a(?P<attempt>\d+)/)?(?P<id>[^/]+)")
"""What tables and lines call a trial: `3`, `a1/3`, and `1/3` or `1/a1/3` with its stage."""


def logs(
    trial: Annotated[
        str,
        typer.Argument(
            help="A trial's folder: 'stage1/3', a path; or what a table calls it: '1/3', '1/a1/3'."
        ),
    ],
    *,
    stage: Annotated[
        int | None, typer.Option("--stage", min=1, help="The stage of a bare id.")
    ] = None,
    lines: Annotated[
        int, typer.Option("--lines", min=1, help="How many lines, from the end.")
    ] = 60,
    species: Species = None,
    algorithm: AlgorithmName = None,
    output: OutputDir = None,
) -> int:
    """Print the end of a trial's log."""
    from mesosweep.records.layout import TrialFolder

    folder = Path(trial)
    if not TrialFolder(folder).log.is_file():
        sweep = one_sweep(output_dir(output), species=species, algorithm=algorithm)
        folder = _folder(sweep.root, trial, stage)
    path = TrialFolder(folder).log
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            tail = deque(file, maxlen=lines)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no log (yet).") from None
    except OSError as cause:
        raise StoreError(f"{path}: cannot be read: {cause.strerror or cause}.") from cause
    print(path, file=sys.stderr)
    sys.stdout.writelines(tail)
    return 0


def _folder(root: Path, trial: str, stage: int | None) -> Path:
    """Return the folder that a user means; the latest attempt when a bare id fits several."""
    known = trial_folders(root)
    names = {f"{folder.parent.name}/{folder.name}": folder for folder in known}
    wanted = trial.strip("/")
    if wanted in names:
        return names[wanted]
    fitting = [folder for folder in known if _is_meant(folder, wanted, stage)]
    if len({place_of(folder)[0] for folder in fitting}) > 1:
        listed = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in fitting)
        raise UsageError(f"Trial {trial} is in several stages: {listed}.", hint="Say --stage N")
    if fitting:
        return fitting[-1]
    told = f" in stage {stage}" if stage else ""
    raise UsageError(
        f"No trial '{trial}'{told} in {root}.",
        hint=f"{did_you_mean(wanted, names)}There are: {', '.join(names) or 'none'}.",
    )


def _is_meant(folder: Path, wanted: str, stage: int | None) -> bool:
    """Whether a trial's folder may be what the user calls `wanted`."""
    shown = _SHOWN.fullmatch(wanted)
    if shown is None:
        return False
    number, attempt, trial_id = place_of(folder)
    asked_for = (
        (number, stage),
        (number, shown["stage"] and int(shown["stage"])),
        (attempt, shown["attempt"] and int(shown["attempt"])),
    )
    return trial_id == shown["id"] and all(want in (None, has) for has, want in asked_for)
