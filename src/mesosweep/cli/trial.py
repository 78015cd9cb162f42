"""`mesosweep trial`: one trial, by hand or as a tuning service starts it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from mesosweep.cli.options import JUDGING, SPACE
from mesosweep.cli.taking import takes
from mesosweep.domain.errors import UsageError
from mesosweep.domain.trial import CheckpointKind
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.cli.argv import Words
    from mesosweep.domain.trial import Trial
    from mesosweep.worker.request import TrialRequest

EXAMPLES = (
    "mesosweep trial --species velociraptor --stage 1 --algorithm ppo --timesteps 10000 "
    "--n-envs 1 --ppo_learning_rate 1e-4 --ppo_batch_size 128 --env_alive_bonus 2.5\n\n"
    "Any searched parameter may be given as --ppo_NAME, --sac_NAME, --env_NAME or "
    "--curriculum_NAME, with a blank or '=' before its value."
)
_NUMBERS = (
    *("timesteps", "n_envs", "eval_freq", "eval_episodes"),
    *("panel_episodes", "save_freq", "seed"),
)
_EXIT = {"finished": 0, "stopped": 0, "running": 130}
_TAKEN = (
    *("species", "algorithm", "stage", "load"),
    *("timesteps", "n_envs", "override", "stage_dir", "seed"),
    *("eval_freq", "eval_episodes", "panel_episodes", "handoff"),
    *("output_dir", "save_freq", "device", "tracker", "trust"),
)


@takes(_TAKEN)
def trial(
    flags: Flags,
    ctx: typer.Context,
    *,
    attempt: Annotated[
        int,
        typer.Option(
            "--attempt",
            min=0,
            rich_help_panel=SPACE,
            help="Which try at its stage it belongs to; a part of its seed.",
        ),
    ] = 0,
    passes: Annotated[
        int,
        typer.Option(
            "--passes",
            metavar="COUNT",
            min=0,
            rich_help_panel=JUDGING,
            help="So many evaluations in a row must pass the gate, up to the checkpoint that is "
            "handed on (default: the panel alone tells).",
        ),
    ] = 0,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="URI",
            rich_help_panel=SPACE,
            help="The study's study.json: refuse to train anything but what was planned.",
        ),
    ] = None,
) -> int:
    """Train and judge one trial, and leave its record in OUTPUT_DIR/ID (default: trials/local).

    The id comes from CLOUD_ML_TRIAL_ID. Run again, it goes on from its last checkpoint.
    OUTPUT_DIR may lie in a mounted bucket, /gcs/BUCKET/…: what is trained here is published there.
    """
    from mesosweep.cli.faults import say
    from mesosweep.cli.interrupt import Stop
    from mesosweep.worker.published import run_asked
    from mesosweep.worker.tuning import is_watched

    words: Words = ctx.obj
    request = request_from(
        flags,
        injected=words.injected,
        attempt=attempt,
        passes=passes,
        study=study,
        environ=os.environ,
    )
    with Stop(say) as stop:
        ended = run_asked(request, stop=stop)
    _tell(ended, request)
    if ended.status == "diverged" and is_watched():
        # To a tuning service an error is a broken image. This trial ran, and its record tells.
        return 0
    return _EXIT.get(ended.status, 1)


def request_from(
    flags: Flags,
    *,
    injected: Mapping[str, str],
    attempt: int,
    environ: Mapping[str, str],
    passes: int = 0,
    study: str | None = None,
) -> TrialRequest:
    """Return what is asked for: by a flag, else by the environment, as for a sweep.

    Raises:
        UsageError: no species was named.
        SettingsError: a variable holds what cannot be.
    """
    from mesosweep.plugins import SPECIES, Registry
    from mesosweep.settings.sources import Sources
    from mesosweep.worker.request import LOCAL_ID, TrialRequest, folder_at, output_folder

    ask, stage = Sources(flags, environ), flags.stage or 1
    species = ask.word("species")
    if not species:
        listed = ", ".join(Registry().names(SPECIES)) or "none"
        raise UsageError("No species was named.", hint=f"--species NAME; there are {listed}")
    said: dict[str, Any] = {
        name: value for name in _NUMBERS if (value := ask.given(name, stage)) is not None
    }
    if device := ask.word("device"):
        said["device"] = device
    stage_dir = ask.word("stage_dir")
    trial_id = environ.get("CLOUD_ML_TRIAL_ID") or LOCAL_ID
    return TrialRequest(
        species=species,
        algorithm=ask.word("algorithm") or "ppo",
        stage=stage,
        **said,
        attempt=attempt,
        passes=passes,
        handoff=cast("CheckpointKind", ask.one_of("handoff", get_args(CheckpointKind))),
        load=flags.load,
        study=study,
        stage_dir=folder_at(stage_dir) if stage_dir else None,
        trust=ask.truth("trust", default=False),
        trackers=ask.names("trackers", flags.trackers),
        overrides=flags.overrides,
        injected=injected,
        output_dir=output_folder(ask.word("output_dir"), environ, trial_id=trial_id),
        trial_id=trial_id,
    )


def _tell(ended: Trial, request: TrialRequest) -> None:
    from mesosweep.cli.faults import say
    from mesosweep.records.layout import TrialFolder
    from mesosweep.report.words import number, scored

    if ended.status == "running":
        say("Stopped; the same command goes on from the last checkpoint.")
        return
    if ended.status not in _EXIT:
        say(f"The trial {ended.status.replace('_', ' ')}: {ended.reason}")
    print(f"status            {ended.status}")
    print(f"best_mean_reward  {number(ended.best_mean_reward)}")
    print(f"panel (95 %)      {scored(ended.panel)}")
    if ended.verdict is not None:
        told = (
            "passed" if ended.verdict.passed else f"not passed: {'; '.join(ended.verdict.reasons)}"
        )
        print(f"gate              {told}")
    if ended.checkpoint is not None:
        print(f"checkpoint        {ended.checkpoint.uri}")
    print(f"record            {TrialFolder(request.folder).metrics}")
