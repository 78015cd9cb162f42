"""Options of the commands that train without searching: `train` and `verify`."""

from __future__ import annotations

from typing import Annotated

import typer

RUNS = "Trainings"
"""The panel of both."""

Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="COUNT",
        min=1,
        rich_help_panel=RUNS,
        help="Trainings at a time (default: one per core).",
    ),
]

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DIR",
        rich_help_panel=RUNS,
        help="Train with what the sweep in DIR (or gs://…) found: its winners' settings, stage by "
        "stage.",
    ),
]
CurriculumSeeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        rich_help_panel=RUNS,
        help="How many training seeds, each a curriculum of its own: --seed and those after it.",
    ),
]
Passes = Annotated[
    int,
    typer.Option(
        "--passes",
        metavar="COUNT",
        min=0,
        rich_help_panel=RUNS,
        help="A stage's gate must be passed by so many evaluations in a row, up to the checkpoint "
        "that is handed on, and by the panel.",
    ),
]
StopAtGate = Annotated[
    str | None,
    typer.Option(
        "--on-gate-fail",
        metavar="stop|best",
        rich_help_panel=RUNS,
        help="When a seed does not pass a stage: 'stop' there (default), or go on with its "
        "'best' checkpoint.",
    ),
]
NoCheck = Annotated[
    bool,
    typer.Option("--no-check", rich_help_panel=RUNS, help="Begin at once: build no stage first."),
]

StageToVerify = Annotated[
    int | None,
    typer.Option(
        "--stage", metavar="N", min=1, help="Which stage (default: the last with a winner)."
    ),
]
Top = Annotated[
    int,
    typer.Option(
        "--top",
        metavar="K",
        min=1,
        rich_help_panel=RUNS,
        help="How many configurations: the best by their panel. The winner is always one.",
    ),
]
RepeatSeeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        rich_help_panel=RUNS,
        help="How often each is trained again, always from a fresh seed; below 4 no difference "
        "can be told at 95 %.",
    ),
]
Timesteps = Annotated[
    int | None,
    typer.Option(
        "--timesteps",
        metavar="T",
        min=1,
        rich_help_panel=RUNS,
        help="Steps of each training (default: those of the search).",
    ),
]
HeldOutEpisodes = Annotated[
    int,
    typer.Option(
        "--episodes",
        metavar="COUNT",
        min=1,
        rich_help_panel=RUNS,
        help="Held-out episodes that each run is scored on, the same for all.",
    ),
]
Promote = Annotated[
    bool,
    typer.Option(
        "--promote",
        help="Make the trial of the best configuration the stage's winner. Later stages are "
        "stale then: run-all searches them again as a new attempt, and deletes nothing.",
    ),
]
