"""The options that several commands share, each described once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mesosweep.cli import complete

WHAT = "What is searched"
SPACE = "Search space and settings"
BUDGET = "Budget"
JUDGING = "Evaluation and choice"
PLACE = "Where and how it runs"


def _option(kind: Any, *names: str, panel: str, help: str, **more: Any) -> Any:  # noqa: A002  # Typer's word
    """Return the annotation of an option that nobody needs to give."""
    return Annotated[kind | None, typer.Option(*names, rich_help_panel=panel, help=help, **more)]


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
OutputDir = Annotated[
    str | None,
    typer.Option(
        "--output-dir",
        rich_help_panel=PLACE,
        metavar="DIR",
        help="Everything lies in DIR/sweeps/SPECIES/ALGORITHM (default: here).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

OPTIONS: Mapping[str, Any] = {
    # what
    "species": Species,
    "algorithm": AlgorithmName,
    "stage": _option(
        int, "--stage", metavar="N", panel=WHAT, help="The stage, 1 (default) for the first."
    ),
    "load": _option(
        str,
        "--load",
        panel=WHAT,
        metavar="PATH",
        help="Policy zip of a checkpoint to start from; its other parts lie beside it.",
    ),
    # budget
    "trials": _option(
        int,
        "--trials",
        metavar="COUNT",
        panel=BUDGET,
        help="Trials per stage in all (default 20). More continue a sweep.",
    ),
    "trials_stage": _option(
        list[str],
        "--trials-stageN",
        panel=BUDGET,
        metavar="COUNT",
        help="The same for stage N alone, e.g. --trials-stage1 10.",
    ),
    "timesteps": _option(
        int,
        "--timesteps",
        metavar="STEPS",
        panel=BUDGET,
        help="Training steps of one trial, exact.",
    ),
    "timesteps_stage": _option(
        list[str],
        "--timesteps-stageN",
        panel=BUDGET,
        metavar="STEPS",
        help="The same for stage N alone, e.g. --timesteps-stage2 1000000.",
    ),
    "parallel": _option(
        int,
        "--parallel",
        metavar="COUNT",
        panel=BUDGET,
        help="Trials at a time (default 5, at most one per core).",
    ),
    "parallel_stage": _option(
        list[str],
        "--parallel-stageN",
        panel=BUDGET,
        metavar="COUNT",
        help="The same for stage N alone.",
    ),
    "n_envs": _option(
        int, "--n-envs", metavar="COUNT", panel=BUDGET, help="Environments per trial (default 4)."
    ),
    "trial_timeout": _option(
        float,
        "--trial-timeout",
        panel=BUDGET,
        metavar="SECONDS",
        help="End a trial that takes longer; it counts as failed.",
    ),
    # space
    "search_space": _option(
        str,
        "--search-space",
        panel=SPACE,
        metavar="JSON",
        help="Parameters as JSON, the same for all stages; beats the file's.",
    ),
    "search_space_file": _option(
        str,
        "--search-space-file",
        panel=SPACE,
        metavar="FILE",
        help="Sweep file: parameters and job settings, for all stages or per stage.",
    ),
    "override": _option(
        list[str],
        "--override",
        panel=SPACE,
        metavar="SECTION.KEY=VALUE ...",
        help="Fix settings, for all stages or as N.section.key=value for one. Takes several.",
    ),
    "stage_dir": _option(
        str,
        "--stage-dir",
        panel=SPACE,
        metavar="DIR",
        help="Stage files to use in place of the species' own; see: mesosweep stages export",
    ),
    "enqueue": _option(
        str,
        "--enqueue",
        panel=SPACE,
        metavar="FILE",
        help="JSON list of known points to try first.",
    ),
    "no_default_trial": _option(
        bool,
        "--no-default-trial",
        panel=SPACE,
        help="Do not begin with the species' own settings.",
    ),
    "sampler": _option(
        str,
        "--sampler",
        metavar="NAME",
        panel=SPACE,
        autocompletion=complete.samplers,
        help="Who chooses what is tried next: tpe (default), random.",
    ),
    "seed": _option(
        int, "--seed", metavar="NUMBER", panel=SPACE, help="Seed of everything random (default 42)."
    ),
    # judging
    "eval_freq": _option(
        int,
        "--eval-freq",
        metavar="STEPS",
        panel=JUDGING,
        help="Steps between evaluations in training (default 10000).",
    ),
    "eval_episodes": _option(
        int,
        "--eval-episodes",
        metavar="COUNT",
        panel=JUDGING,
        help="Episodes of each of them (default 10).",
    ),
    "panel_episodes": _option(
        int,
        "--panel-episodes",
        metavar="COUNT",
        panel=JUDGING,
        help="Fresh episodes that a trained policy is judged on (default 30).",
    ),
    "test_episodes": _option(
        int,
        "--test-episodes",
        metavar="COUNT",
        panel=JUDGING,
        help="Episodes nobody has seen that the winner is verified on (default 100).",
    ),
    "select_by": _option(
        str,
        "--select-by",
        metavar="SCORE",
        panel=JUDGING,
        help="Rank trials by panel_mean_reward (default) or best_mean_reward.",
    ),
    "on_gate_fail": _option(
        str,
        "--on-gate-fail",
        metavar="best|stop",
        panel=JUDGING,
        help="When no trial passes a stage's gate: go on with the 'best' (default) or 'stop'.",
    ),
    "force_continue": _option(
        bool, "--force-continue", panel=JUDGING, help="The same as --on-gate-fail best."
    ),
    "handoff": _option(
        str,
        "--handoff",
        metavar="best|final",
        panel=JUDGING,
        help="What the next stage starts from: the 'best' (default) or the 'final' checkpoint.",
    ),
    # place
    "output_dir": OutputDir,
    "backend": _option(
        str,
        "--backend",
        metavar="NAME",
        panel=PLACE,
        autocompletion=complete.backends,
        help="Where trials run: local (default).",
    ),
    "resume": _option(
        bool,
        "--resume/--no-resume",
        panel=PLACE,
        help="Go on with what is saved (default), or begin a new attempt beside it.",
    ),
    "save_freq": _option(
        int,
        "--save-freq",
        metavar="STEPS",
        panel=PLACE,
        help="Steps between periodic checkpoints (default 50000).",
    ),
    "device": _option(
        str,
        "--device",
        metavar="NAME",
        panel=PLACE,
        help="Where networks are computed: cpu (default), cuda.",
    ),
    "tracker": _option(
        list[str],
        "--tracker",
        metavar="NAME",
        panel=PLACE,
        help="Where the curves of trials go, too; see: mesosweep plugins",
    ),
    "trust": _option(
        bool,
        "--trust",
        panel=PLACE,
        help="Read checkpoints that need pickles to be executed. Only your own!",
    ),
}

COMMON = ("species", "algorithm")
SETTINGS = (
    "search_space",
    "search_space_file",
    "override",
    "stage_dir",
    "enqueue",
    "no_default_trial",
)
SAMPLING = ("sampler", "seed")
EVALUATION = ("eval_freq", "eval_episodes", "panel_episodes", "test_episodes")
CHOICE = ("select_by", "on_gate_fail", "force_continue", "handoff")
RUNNING = (
    "output_dir",
    "backend",
    "resume",
    "save_freq",
    "trial_timeout",
    "device",
    "tracker",
    "trust",
)
COUNTS = ("trials", "timesteps", "parallel", "n_envs")
PER_STAGE = ("trials_stage", "timesteps_stage", "parallel_stage")
SWEEP = (
    *COMMON,
    *("load", *COUNTS, *PER_STAGE),
    *SETTINGS,
    *SAMPLING,
    *EVALUATION,
    *CHOICE,
    *RUNNING,
)
