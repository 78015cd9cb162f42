"""`mesosweep status`: how a sweep stands, running or not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.found import FoundSweep, is_at_work, one_sweep, output_dir, sweeps
from mesosweep.cli.options import AlgorithmName, AsJson, OutputDir, Species

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.domain.trial import Trial

EXAMPLES = (
    "mesosweep status\n\n"
    "mesosweep status --output-dir runs --species velociraptor --algorithm ppo --json"
)


def status(
    *,
    species: Species = None,
    algorithm: AlgorithmName = None,
    stage: Annotated[
        int | None, typer.Option("--stage", min=1, help="The `launch` of this stage alone.")
    ] = None,
    output: OutputDir = None,
    as_json: AsJson = False,
) -> int:
    """Show trials, winners and gates of the sweeps in a folder.

    Reads the saved state only: it neither disturbs a running sweep nor needs one.
    """
    directory = output_dir(output)
    if as_json:
        from mesosweep.report.documents import status_document

        sweep = one_sweep(directory, species=species, algorithm=algorithm, stage=stage)
        print(json.dumps(status_document(with_progress(sweep)), indent=2, allow_nan=False))
        return 0
    from mesosweep.cli.screen import output as console_of_results
    from mesosweep.report.picture import Picture
    from mesosweep.report.summary import show, summary
    from mesosweep.report.table import stage_table, trial_table

    console = console_of_results()
    for number, sweep in enumerate(
        sweeps(directory, species=species, algorithm=algorithm, stage=stage)
    ):
        picture = Picture(with_progress(sweep))
        if number:
            console.print()
        heading, *rest = summary(picture)
        parts: list[RenderableType] = [heading, stage_table(picture, width=console.width), ""]
        if (trials := trial_table(picture, room=20, width=console.width)) is not None:
            parts += [trials, ""]
        if (waiting := _waiting(picture.state)) and not is_at_work(sweep.root):
            parts.append(f"Nobody is running it now; {waiting} to go on with.\n")
        show(console, (*parts, *rest))
    return 0


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
    folder = stage_folder(root, stage=stage.stage, attempt=stage.attempt) / trial.trial_id
    return replace(trial, progress=latest_progress(TrialFolder(folder).progress))
