"""Options that say how trials are judged, and where and how they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mesosweep.cli import complete
from mesosweep.cli.panels import JUDGING, PLACE, option

OutputDir = Annotated[
    str | None,
    typer.Option(
        "--output-dir",
        rich_help_panel=PLACE,
        metavar="DIR",
        help="Everything lies in DIR/sweeps/SPECIES/ALGORITHM (default: here); with --bucket a copy.",
    ),
]

RUNNING: Mapping[str, Any] = {
    "eval_freq": option(
        int,
        "--eval-freq",
        metavar="STEPS",
        panel=JUDGING,
        help="Steps between evaluations in training (default 10000).",
    ),
    "eval_episodes": option(
        int,
        "--eval-episodes",
        metavar="COUNT",
        panel=JUDGING,
        help="Episodes of each of them (default 10).",
    ),
    "panel_episodes": option(
        int,
        "--panel-episodes",
        metavar="COUNT",
        panel=JUDGING,
        help="Fresh episodes that a trained policy is judged on (default 30).",
    ),
    "test_episodes": option(
        int,
        "--test-episodes",
        metavar="COUNT",
        panel=JUDGING,
        help="Episodes nobody has seen that the winner is verified on (default 100).",
    ),
    "select_by": option(
        str,
        "--select-by",
        metavar="SCORE",
        panel=JUDGING,
        help="Rank trials by panel_mean_reward (default) or best_mean_reward.",
    ),
    "on_gate_fail": option(
        str,
        "--on-gate-fail",
        metavar="best|stop",
        panel=JUDGING,
        help="When no trial passes a stage's gate: go on with the 'best' (default) or 'stop'.",
    ),
    "force_continue": option(
        bool, "--force-continue", panel=JUDGING, help="The same as --on-gate-fail best."
    ),
    "handoff": option(
        str,
        "--handoff",
        metavar="best|final",
        panel=JUDGING,
        help="What the next stage starts from: the 'best' (default) or the 'final' checkpoint.",
    ),
    "output_dir": OutputDir,
    "backend": option(
        str,
        "--backend",
        metavar="NAME",
        panel=PLACE,
        autocompletion=complete.backends,
        help="Where trials run: local (default), or vertex: --project, --bucket or --image mean it.",
    ),
    "resume": option(
        bool,
        "--resume/--no-resume",
        panel=PLACE,
        help="Go on with what is saved (default), or begin a new attempt beside it.",
    ),
    "save_freq": option(
        int,
        "--save-freq",
        metavar="STEPS",
        panel=PLACE,
        help="Steps between periodic checkpoints (default 50000).",
    ),
    "device": option(
        str,
        "--device",
        metavar="NAME",
        panel=PLACE,
        help="Where networks are computed: cpu (default), cuda.",
    ),
    "tracker": option(
        list[str],
        "--tracker",
        metavar="NAME",
        panel=PLACE,
        help="Where the curves of trials go, too; see: mesosweep plugins",
    ),
    "wandb": option(
        bool, "--wandb", panel=PLACE, help="The same as --tracker wandb (Weights & Biases)."
    ),
    "trust": option(
        bool,
        "--trust",
        panel=PLACE,
        help="Read checkpoints that need pickles to be executed. Only your own!",
    ),
}
