"""`mesosweep export`: what a sweep found, for use elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.bundles import bundle_named, policy_here
from mesosweep.cli.options import AlgorithmName, OutputDir, Species
from mesosweep.cli.remote import sweep_at

if TYPE_CHECKING:
    from mesosweep.cli.found import FoundSweep
    from mesosweep.cli.remote import RemoteSweep
    from mesosweep.domain.curriculum import Stage
    from mesosweep.domain.state import StageState, SweepState

app = typer.Typer(
    help="Carry out what a sweep found: as stage files, or as an rl-baselines3-zoo folder.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

Launch = Annotated[
    int | None, typer.Option("--stage", min=1, help="The `launch` of this stage alone.")
]


@app.command("stages", epilog="mesosweep export stages found --output-dir runs")
def export_stages(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
    *,
    species: Species = None,
    algorithm: AlgorithmName = None,
    stage: Launch = None,
    output: OutputDir = None,
) -> int:
    """Write each stage's winner as a stage file, to be used with --stage-dir.

    Found reward weights go to [env.train]: what policies are judged on stays as it was.
    """
    from mesosweep.cli.faults import say
    from mesosweep.domain.errors import UsageError
    from mesosweep.records.files import write_text
    from mesosweep.records.stage_file import stage_file_name, stage_text

    sweep = sweep_at(output, species=species, algorithm=algorithm, stage=stage)
    files = {
        directory / stage_file_name(found): stage_text(found, comments=comments)
        for found, comments in found_stages(sweep.load())
    }
    for path in files:
        if path.exists():
            raise UsageError(
                f"{path}: already there.", hint="Give another folder, or remove the file."
            )
    for path, text in files.items():
        write_text(path, text)
        print(path)
    words = ["mesosweep", "train", "--species", sweep.species, "--algorithm", sweep.algorithm]
    say(f"Use them with: {shlex.join([*words, '--stage-dir', str(directory)])}")
    return 0


@app.command(
    "zoo",
    epilog="mesosweep export zoo logs --output-dir runs\n\n"
    "mesosweep export zoo logs trials/local/models/best_model.zip",
)
def export_zoo(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The zoo's folder of trained agents.")
    ],
    bundle: Annotated[
        str | None,
        typer.Argument(
            metavar="[BUNDLE]",
            help="One checkpoint, named as for `evaluate` (default: the winner of every stage).",
        ),
    ] = None,
    *,
    species: Species = None,
    algorithm: AlgorithmName = None,
    stage: Launch = None,
    output: OutputDir = None,
) -> int:
    """Write checkpoints as rl-baselines3-zoo keeps them; run N is that of stage N.

    Its `enjoy` loads them with the env and the observation statistics they were judged with.
    """
    from mesosweep.cli.faults import say
    from mesosweep.domain.errors import UsageError
    from mesosweep.plugins import Registry
    from mesosweep.worker import zoo
    from mesosweep.worker.checkpoint import Asked, open_checkpoint

    if bundle is not None and stage is not None:
        raise UsageError(
            f"--stage {stage}: names a sweep, and {bundle} is one checkpoint already.",
            hint="Leave out one of the two.",
        )
    registry = Registry()
    if bundle is None:
        sweep = sweep_at(output, species=species, algorithm=algorithm, stage=stage)
        policies = list(_winners(sweep))
    else:
        policies = [bundle_named(bundle, output=output, species=species, algorithm=algorithm)]
    asked = Asked(species=species, algorithm=algorithm)
    # All of them are opened before the first is written.
    for opened in [open_checkpoint(policy, asked, registry=registry) for policy in policies]:
        run = opened.stage.number
        print(zoo.export_zoo(opened, directory, run=run))
        env_id, _ = zoo.env_of(opened)
        words = ["python", "-m", "rl_zoo3.enjoy", "--algo", opened.algorithm.name, "--env", env_id]
        words += ["--gym-packages", zoo.PACKAGE, "-f", str(directory), "--exp-id", str(run)]
        say(f"Play it with: {shlex.join([*words, '--no-render'])}")
    return 0


def found_stages(state: SweepState) -> Iterator[tuple[Stage, list[str]]]:
    """Yield every stage of a sweep's species as found, with what stands above it in its file.

    A stage without a winner is yielded as the species has it, so that the folder is whole.

    Raises:
        PluginError: the species is not installed here.
        SettingsError: a winner's parameters are not on record.
    """
    from mesosweep.plugins import SPECIES, Registry
    from mesosweep.settings.found_stage import found_stage
    from mesosweep.settings.stages import load_curriculum

    registry = Registry()
    curriculum = load_curriculum(registry.get(SPECIES, state.species), registry=registry)
    known = {stage.stage: stage for stage in state.stages}
    for own in curriculum.stages:
        found = found_stage(own, state)
        if found is None:
            yield own, [f"The species' own: stage {own.number} has no winner yet."]
        else:
            yield found, _comments(known[own.number], state)


def _comments(stage: StageState, state: SweepState) -> list[str]:
    from mesosweep.report.words import scored

    winner = stage.winner
    assert winner is not None
    settings = state.comparables["stages"][str(stage.stage)]["settings"]
    gate = "passed" if winner.gate_passed else "not passed"
    sweep = f"{state.species}, {state.algorithm}, plan {state.fingerprint}"
    trial = f"stage {stage.stage}, trial {winner.trial.trial_id}"
    lines = [
        f"Found by mesosweep: {sweep}, {trial}, trained {settings['timesteps']:,} steps.",
        f"Panel {scored(winner.trial.panel)}, gate {gate}.",
    ]
    if stage.verified is not None:
        lines.append(f"Verified {scored(stage.verified.winner)} on episodes nobody had seen.")
    return lines


def _winners(sweep: FoundSweep | RemoteSweep) -> Iterator[Path]:
    from mesosweep.domain.errors import UsageError

    state = sweep.load()
    won = [stage.winner for stage in state.stages if stage.winner is not None]
    if not won:
        raise UsageError(f"{sweep.root}: no stage has a winner yet.", hint="See: mesosweep status")
    root = Path(sweep.root)
    yield from (policy_here(winner.checkpoint.uri, root=root) for winner in won)
