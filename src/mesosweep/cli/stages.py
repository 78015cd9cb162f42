"""`mesosweep stages`: a species' curriculum, listed, shown, or copied out to be edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesosweep.cli import complete
from mesosweep.cli.options import AsJson

if TYPE_CHECKING:
    from mesosweep.domain.curriculum import Curriculum, Stage
    from mesosweep.plugins import Species

app = typer.Typer(
    help="List, show or copy out the stages that a species learns.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

SpeciesName = Annotated[
    str, typer.Argument(help="The animal, e.g. velociraptor.", autocompletion=complete.species)
]
StageDir = Annotated[
    Path | None,
    typer.Option("--stage-dir", metavar="DIR", help="Stage files in place of the species' own."),
]


@app.command("list", epilog="mesosweep stages list velociraptor")
def list_stages(
    species: SpeciesName, *, stage_dir: StageDir = None, as_json: AsJson = False
) -> int:
    """List a species' stages, one line each."""
    found, curriculum = _load(species, stage_dir)
    if as_json:
        _print_json([_document(stage) for stage in curriculum.stages], found, curriculum)
        return 0
    from mesosweep.cli.screen import columns, output
    from mesosweep.report.words import count, thresholds

    table = columns("stage", "steps", "gate", "")
    for stage in curriculum.stages:
        gate = ", ".join(thresholds(stage.gate)) or "none"
        name = f"{stage.number} {stage.name}"
        table.add_row(name, count(stage.timesteps), gate, stage.description)
    output().print(table)
    return 0


@app.command("show", epilog="mesosweep stages show velociraptor 1")
def show(
    species: SpeciesName,
    number: Annotated[int, typer.Argument(metavar="STAGE", min=1, help="The stage's number.")],
    *,
    stage_dir: StageDir = None,
    as_json: AsJson = False,
) -> int:
    """Show everything about one stage: env, training env, hyperparameters, gate."""
    from mesosweep.domain.errors import UsageError

    found, curriculum = _load(species, stage_dir)
    try:
        stage = curriculum.stage(number)
    except KeyError:
        numbers = ", ".join(str(stage.number) for stage in curriculum.stages)
        raise UsageError(
            f"{species} has no stage {number}.", hint=f"There are {numbers}."
        ) from None
    document = _document(stage)
    if as_json:
        _print_json([document], found, curriculum)
        return 0
    from mesosweep.cli.screen import columns, output

    table = columns("setting", "value", "meaning")
    for section, settings in document.items():
        if not isinstance(settings, dict):
            table.add_row(section, str(settings))
            continue
        for key, value in settings.items():
            meaning = found.settings.get(key, "") if section in ("env", "env.train") else ""
            table.add_row(f"{section}.{key}", json.dumps(value), meaning)
    output().print(table)
    return 0


@app.command("export", epilog="mesosweep stages export velociraptor my-stages")
def export(
    species: SpeciesName,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
) -> int:
    """Copy the stage files out, to be edited and used with --stage-dir."""
    from mesosweep.cli.faults import say
    from mesosweep.plugins import SPECIES, Registry
    from mesosweep.settings.stages import export_stages

    for path in export_stages(Registry().get(SPECIES, species), directory):
        print(path)
    say(f"Use them with: mesosweep run-all --species {species} --stage-dir {directory}")
    return 0


def _load(name: str, stage_dir: Path | None) -> tuple[Species, Curriculum]:
    from mesosweep.plugins import SPECIES, Registry
    from mesosweep.settings.stages import load_curriculum

    registry = Registry()
    species = registry.get(SPECIES, name)
    return species, load_curriculum(species, stage_dir, registry=registry)


def _document(stage: Stage) -> dict[str, Any]:
    from mesosweep.report.events import plain

    gate = {key: value for key, value in plain(stage.gate).items() if value is not None}
    return {
        "stage": stage.number,
        "name": stage.name,
        "description": stage.description,
        "timesteps": stage.timesteps,
        "n_envs": stage.n_envs,
        "env": plain(stage.env),
        "env.train": plain(stage.env_train),
        **{name: plain(table) for name, table in stage.algorithms.items()},
        "curriculum": plain(stage.curriculum),
        "gate": gate,
    }


def _print_json(stages: list[dict[str, Any]], species: Species, curriculum: Curriculum) -> None:
    document = {
        "version": 1,
        "species": species.name,
        "digest": curriculum.digest,
        "stages": stages,
    }
    print(json.dumps(document, indent=2))
