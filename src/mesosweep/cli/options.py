"""The options that several commands share, each described once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mesosweep.cli.options_cloud import CLOUD_OPTIONS
from mesosweep.cli.options_running import RUNNING, OutputDir
from mesosweep.cli.options_search import SEARCHED, AlgorithmName, Species
from mesosweep.cli.panels import BUDGET, CLOUD, JUDGING, OUTPUT, PLACE, SPACE, WHAT

__all__ = [
    "BUDGET",
    "CLOUD",
    "JUDGING",
    "OPTIONS",
    "OUTPUT",
    "PLACE",
    "SPACE",
    "SWEEP",
    "WHAT",
    "AlgorithmName",
    "AsJson",
    "OutputDir",
    "Species",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

OPTIONS: Mapping[str, Any] = {**SEARCHED, **RUNNING, **CLOUD_OPTIONS}

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
HOW = (
    "output_dir",
    "backend",
    "resume",
    "save_freq",
    "trial_timeout",
    "device",
    "tracker",
    "wandb",
    "trust",
)
COUNTS = ("trials", "timesteps", "parallel", "n_envs")
PER_STAGE = ("trials_stage", "timesteps_stage", "parallel_stage")
SWEEP = (
    *COMMON,
    *("load", *COUNTS, *PER_STAGE),
    *SETTINGS,
    *SAMPLING,
    "early_stopping",
    *EVALUATION,
    *CHOICE,
    *HOW,
    *CLOUD_OPTIONS,
)
