"""Options that say what is searched, over what and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mesosweep.cli import complete
from mesosweep.cli.panels import BUDGET, SPACE, WHAT, option

Species = Annotated[
    str | None,
    typer.Option(
        "--species",
        metavar="NAME",
        rich_help_panel=WHAT,
        autocompletion=complete.species,
        help="The animal, e.g. velociraptor. All of them: mesosweep plugins",
    ),
]
AlgorithmName = Annotated[
    str | None,
    typer.Option(
        "--algorithm",
        metavar="NAME",
        rich_help_panel=WHAT,
        autocompletion=complete.algorithms,
        help="The learning algorithm: ppo (default), sac, tqc, crossq, trpo.",
    ),
]

SEARCHED: Mapping[str, Any] = {
    "species": Species,
    "algorithm": AlgorithmName,
    "stage": option(
        int, "--stage", metavar="N", panel=WHAT, help="The stage, 1 (default) for the first."
    ),
    "load": option(
        str,
        "--load",
        panel=WHAT,
        metavar="PATH",
        help="Policy zip of a checkpoint to start from; its other parts lie beside it.",
    ),
    "trials": option(
        int,
        "--trials",
        metavar="COUNT",
        panel=BUDGET,
        help="Trials per stage in all (default 20). More continue a sweep.",
    ),
    "trials_stage": option(
        list[str],
        "--trials-stageN",
        panel=BUDGET,
        metavar="COUNT",
        help="The same for stage N alone, e.g. --trials-stage1 10.",
    ),
    "timesteps": option(
        int,
        "--timesteps",
        metavar="STEPS",
        panel=BUDGET,
        help="Training steps of one trial, exact.",
    ),
    "timesteps_stage": option(
        list[str],
        "--timesteps-stageN",
        panel=BUDGET,
        metavar="STEPS",
        help="The same for stage N alone, e.g. --timesteps-stage2 1000000.",
    ),
    "parallel": option(
        int,
        "--parallel",
        metavar="COUNT",
        panel=BUDGET,
        help="Trials at a time (default 5, at most one per core).",
    ),
    "parallel_stage": option(
        list[str],
        "--parallel-stageN",
        panel=BUDGET,
        metavar="COUNT",
        help="The same for stage N alone.",
    ),
    "n_envs": option(
        int,
        "--n-envs",
        metavar="COUNT",
        panel=BUDGET,
        help="Environments per trial (default: as many as the stage names, else 4).",
    ),
    "trial_timeout": option(
        float,
        "--trial-timeout",
        panel=BUDGET,
        metavar="SECONDS",
        help="End a trial that takes longer; it counts as failed.",
    ),
    "early_stopping": option(
        str,
        "--early-stopping",
        metavar="none|median|halving",
        panel=BUDGET,
        help="End trials below the median of others, or by successive halving (default none).",
    ),
    "search_space": option(
        str,
        "--search-space",
        panel=SPACE,
        metavar="JSON",
        help="Parameters as JSON, the same for all stages; beats the file's.",
    ),
    "search_space_file": option(
        str,
        "--search-space-file",
        panel=SPACE,
        metavar="FILE",
        help="Sweep file: parameters and job settings, for all stages or per stage.",
    ),
    "override": option(
        list[str],
        "--override",
        panel=SPACE,
        metavar="SECTION.KEY=VALUE ...",
        help="Fix settings, for all stages or as N.section.key=value for one. Takes several.",
    ),
    "stage_dir": option(
        str,
        "--stage-dir",
        panel=SPACE,
        metavar="DIR",
        help="Stage files to use in place of the species' own; see: mesosweep stages export",
    ),
    "enqueue": option(
        str,
        "--enqueue",
        panel=SPACE,
        metavar="FILE",
        help="JSON list of known points to try first.",
    ),
    "no_default_trial": option(
        bool,
        "--no-default-trial",
        panel=SPACE,
        help="Do not begin with the species' own settings.",
    ),
    "sampler": option(
        str,
        "--sampler",
        metavar="NAME",
        panel=SPACE,
        autocompletion=complete.samplers,
        help="Who chooses what is tried next: tpe (default), random.",
    ),
    "seed": option(
        int, "--seed", metavar="NUMBER", panel=SPACE, help="Seed of everything random (default 42)."
    ),
}
