"""`mesosweep status`: how a sweep stands, running or not."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.faults import complain
from mesosweep.cli.found import FoundSweep, is_at_work, one_of, output_dir, sweeps
from mesosweep.cli.options import AlgorithmName, AsJson, OutputDir, Species
from mesosweep.domain.errors import StoreUnreachable, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.domain.trial import Trial

EXAMPLES = (
    "mesosweep status\n\n"
    "mesosweep status --output-dir runs --species velociraptor --algorithm ppo --json\n\n"
    "mesosweep status gs://YOUR_BUCKET/sweeps/velociraptor/ppo"
)


def status(
    ctx: typer.Context,
    where: Annotated[
        str | None,
        typer.Argument(
            metavar="[DIR]", help="A folder, or gs://BUCKET/sweeps/…; default: --output-dir."
        ),
    ] = None,
    *,
    species: Species = None,
    algorithm: AlgorithmName = None,
    stage: Annotated[
        int | None, typer.Option("--stage", min=1, help="The `launch` of this stage alone.")
    ] = None,
    output: OutputDir = None,
    as_json: AsJson = False,
) -> int:
    """Show trials, winners and gates of the sweeps in a folder or a bucket.

    Reads the saved state only: it neither disturbs a running sweep nor needs one. Where a
    bucket does not answer, the copy in --output-dir is shown, said to be one, and the exit code
    is 5.
    """
    if where is None and ctx.obj.rehearsal is not None:
        where = f"gs://{os.environ['MESOSWEEP_BUCKET']}"
    unread: StoreUnreachable | None = None
    if where is not None and where.startswith(("gs://", "/gcs/")):
        try:
            begin = ctx.obj.rehearsal.words if ctx.obj.rehearsal is not None else ()
            shown = _in_bucket(
                where, species=species, algorithm=algorithm, stage=stage, begin=begin
            )
        except StoreUnreachable as cause:
            unread, directory = cause, output_dir(output)
            shown = _copies(cause, directory, species=species, algorithm=algorithm, stage=stage)
    else:
        directory = Path(where) if where else output_dir(output)
        found = sweeps(directory, species=species, algorithm=algorithm, stage=stage)
        shown = [(with_progress(sweep), _waits(sweep)) for sweep in _one_if(found, as_json)]
    _show(shown, as_json=as_json, copy_of=where if unread is not None else None)
    if unread is None:
        return 0
    complain(f"{unread} What is shown is the copy in {directory}.", unread.hint)
    return unread.exit_code


def _show(
    shown: Sequence[tuple[SweepState, str]], *, as_json: bool, copy_of: str | None = None
) -> None:
    """Show each state, and what is to be said of it; `copy_of` is what it stands in for."""
    if as_json:
        from mesosweep.report.documents import status_document

        document = status_document(shown[0][0])
        if copy_of is not None:
            document["copy_of"] = copy_of
        print(json.dumps(document, indent=2, allow_nan=False))
        return
    from mesosweep.cli.screen import output as console_of_results
    from mesosweep.report.picture import Picture
    from mesosweep.report.summary import show, summary
    from mesosweep.report.table import stage_table, trial_table

    console = console_of_results()
    for number, (state, waits) in enumerate(shown):
        picture = Picture(state)
        if number:
            console.print()
        heading, *rest = summary(picture)
        parts: list[RenderableType] = [heading, stage_table(picture, width=console.width), ""]
        if (trials := trial_table(picture, room=20, width=console.width)) is not None:
            parts += [trials, ""]
        if waits:
            parts.append(f"{waits}\n")
        show(console, (*parts, *rest))


def _one_if(found: list[FoundSweep], one: bool) -> list[FoundSweep]:
    return [one_of(found)] if one else found


def _in_bucket(
    where: str,
    *,
    species: str | None,
    algorithm: str | None,
    stage: int | None,
    begin: Sequence[str],
) -> list[tuple[SweepState, str]]:
    """Return the states in a bucket, and what is to be said of them.

    `begin` is how a command that speaks to their jobs begins.

    Raises:
        StoreUnreachable: the bucket does not answer.
    """
    from mesosweep.cli.remote import remote_sweeps

    found = remote_sweeps(where, species=species, algorithm=algorithm, stage=stage)
    states = [sweep.with_progress() for sweep in found]
    return [(state, _as_last_written(state, begin)) for state in states]


def _as_last_written(state: SweepState, begin: Sequence[str]) -> str:
    """Say who knows whether what runs in a bucket still does: a cancelled job writes nothing."""
    from mesosweep.cli.jobs import JOB_NAME

    for stage in state.stages:
        found = JOB_NAME.fullmatch(stage.job.name) if stage.job is not None else None
        if found and stage.status in ("submitting", "running"):
            place = ("--project", found[1], "--location", found[2])
            command = shlex.join(["mesosweep", *begin, "jobs", "list", *place])
            return f"Trials are shown as they last wrote; whether their job still runs: {command}"
    return ""


def _copies(
    cause: StoreUnreachable,
    directory: Path,
    *,
    species: str | None,
    algorithm: str | None,
    stage: int | None,
) -> list[tuple[SweepState, str]]:
    """Return the copies here of states in a bucket that did not answer, and that they are copies.

    Raises:
        StoreUnreachable: there are none.
    """
    try:
        found = sweeps(directory, species=species, algorithm=algorithm, stage=stage)
    except UsageError:
        raise cause from None
    return [
        (with_progress(sweep), f"A COPY, as this machine saw it {_seen(sweep)}.") for sweep in found
    ]


def _seen(sweep: FoundSweep) -> str:
    """Say when a saved state was written here."""
    try:
        at = (sweep.root / f"{sweep.sweep_key}.json").stat().st_mtime
    except OSError:
        return "last"
    return f"last, on {datetime.fromtimestamp(at, UTC):%Y-%m-%d at %H:%M} UTC"


def _waits(sweep: FoundSweep) -> str:
    """Say what nobody is running now, if anything."""
    state = sweep.load()
    elsewhere = {
        stage.job.backend
        for stage in state.stages
        if stage.job is not None and stage.status == "running" and stage.job.backend != "local"
    }
    if elsewhere:
        from mesosweep.cli.remote import root_noted

        root = root_noted(sweep.root) or "gs://BUCKET/sweeps/…"
        return (
            f"It runs on {', '.join(elsewhere)}; this is what was seen last. As of now: "
            f"mesosweep status {root}"
        )
    waiting = _waiting(state)
    if not waiting or is_at_work(sweep.root):
        return ""
    return f"Nobody is running it now; {waiting} to go on with."


def _waiting(state: SweepState) -> str:
    running = sum(not t.has_ended for stage in state.stages for t in stage.trials)
    return f"{running} trial{'s' if running > 1 else ''}" if running else ""


def with_progress(sweep: FoundSweep) -> SweepState:
    """Return the saved state, with running trials standing where their folders say."""
    state = sweep.load()
    stages = tuple(
        replace(stage, trials=tuple(_looked_up(sweep.root, stage, t) for t in stage.trials))
        for stage in state.stages
    )
    return replace(state, stages=stages)


def _looked_up(root: Path, stage: StageState, trial: Trial) -> Trial:
    from mesosweep.records.layout import TrialFolder, stage_folder
    from mesosweep.records.progress import latest_progress

    if trial.has_ended:
        return trial
    folder = stage_folder(root, stage=stage.stage, attempt=trial.attempt) / trial.trial_id
    return replace(trial, progress=latest_progress(TrialFolder(folder).progress))
