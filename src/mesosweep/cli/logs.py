"""`mesosweep logs TRIAL`: the last lines that a trial's worker wrote."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mesosweep.cli.found import place_of, trial_folders
from mesosweep.cli.options import AlgorithmName, OutputDir, Species
from mesosweep.domain.errors import StoreError, UsageError, did_you_mean

EXAMPLES = (
    "mesosweep logs stage1/3\n\nmesosweep logs 3 --stage 1 --lines 200\n\n"
    "mesosweep logs stage1_a1/3\n\n"
    "mesosweep logs gs://YOUR_BUCKET/sweeps/velociraptor/ppo/stage1/3"
)
_SHOWN = re.compile(r"(?:(?P<stage>\d+)/)?(?:a(?P<attempt>\d+)/)?(?P<id>[^/]+)")
"""What tables and lines call a trial: `3`, `a1/3`, and `1/3` or `1/a1/3` with its stage."""


def logs(
    ctx: typer.Context,
    trial: Annotated[
        str,
        typer.Argument(
            help="A trial's folder: 'stage1/3', a path, gs://…; or what a table calls it: '1/3', "
            "'1/a1/3'."
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
    """Print the end of a trial's log.

    That of a trial that ran elsewhere is read from the bucket, as far as it is there by now;
    where all that its container said lies is told, too.
    """
    from mesosweep.cli.logs_remote import show_at, show_of
    from mesosweep.records.layout import TrialFolder
    from mesosweep.stores import reach

    folder = reach.mounted(trial)
    if folder is None:
        return show_at(trial, lines=lines, rehearsal=ctx.obj.rehearsal)
    if not TrialFolder(folder).log.is_file():
        from mesosweep.cli.remote import RemoteSweep, root_noted, sweep_at

        sweep = sweep_at(output, species=species, algorithm=algorithm)
        if isinstance(sweep, RemoteSweep):
            return show_of(sweep.root, trial, stage, lines=lines, rehearsal=ctx.obj.rehearsal)
        if (root := root_noted(sweep.root)) is not None:
            return show_of(
                root, trial, stage, here=sweep.root, lines=lines, rehearsal=ctx.obj.rehearsal
            )
        folders = trial_folders(sweep.root)
        folder = sweep.root / meant(trial, stage, trials=folders, where=sweep.root)
    return show(TrialFolder(folder).log, lines)


def show(path: Path, lines: int) -> int:
    """Print the end of a file, its name to standard error."""
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


def meant(trial: str, stage: int | None, *, trials: Sequence[Path], where: object) -> str:
    """Return the trial that a user means as `stage1/3`; the latest attempt when an id fits several.

    `trials` are the folders that there are, in order; `where` is what their sweep is called.

    Raises:
        UsageError: none fits, or those of several stages do.
    """
    names = {f"{folder.parent.name}/{folder.name}": folder for folder in trials}
    wanted = trial.strip("/")
    if wanted in names:
        return wanted
    fitting = [name for name, folder in names.items() if _is_meant(folder, wanted, stage)]
    if len({place_of(names[name])[0] for name in fitting}) > 1:
        raise UsageError(
            f"Trial {trial} is in several stages: {', '.join(fitting)}.", hint="Say --stage N"
        )
    if fitting:
        return fitting[-1]
    told = f" in stage {stage}" if stage else ""
    raise UsageError(
        f"No trial '{trial}'{told} in {where}.",
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
