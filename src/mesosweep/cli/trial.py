"""`mesosweep trial`: one trial, by hand or as a tuning service starts it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.options import SPACE
from mesosweep.cli.taking import takes
from mesosweep.domain.errors import UsageError
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
_EXIT = {"finished": 0, "stopped": 0, "running": 130}
_TAKEN = (
    *("species", "algorithm", "stage", "load"),
    *("timesteps", "n_envs", "override", "stage_dir", "seed"),
    *("eval_freq", "eval_episodes", "panel_episodes"),
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
) -> int:
    """Train and judge one trial, and leave its record in OUTPUT_DIR/ID (default: trials/local).

    The id comes from CLOUD_ML_TRIAL_ID. Run again, it goes on from its last checkpoint.
    """
    from mesosweep.cli.faults import say
    from mesosweep.cli.interrupt import Stop
    from mesosweep.worker.trial import run_trial

    words: Words = ctx.obj
    request = request_from(flags, injected=words.injected, attempt=attempt)
    with Stop(say) as stop:
        ended = run_trial(request, stop=stop)
    _tell(ended, request)
    return _EXIT.get(ended.status, 1)


def request_from(flags: Flags, *, injected: dict[str, str], attempt: int) -> TrialRequest:
    """Return what is asked for; raises UsageError when no species was named."""
    from mesosweep.plugins import SPECIES, Registry
    from mesosweep.worker.request import LOCAL_ID, TrialRequest

    if flags.species is None:
        listed = ", ".join(Registry().names(SPECIES)) or "none"
        raise UsageError("No species was named.", hint=f"--species NAME; there are {listed}")
    said = {
        name: value
        for name in ("timesteps", "n_envs", "eval_freq", "eval_episodes", "panel_episodes")
        if (value := getattr(flags, name)) is not None
    }
    said |= {n: v for n in ("save_freq", "seed", "device") if (v := getattr(flags, n)) is not None}
    return TrialRequest(
        species=flags.species,
        algorithm=flags.algorithm or "ppo",
        stage=flags.stage or 1,
        **said,
        attempt=attempt,
        load=flags.load,
        stage_dir=Path(flags.stage_dir) if flags.stage_dir else None,
        trust=bool(flags.trust),
        trackers=flags.trackers,
        overrides=flags.overrides,
        injected=injected,
        output_dir=Path(flags.output_dir or "trials"),
        trial_id=os.environ.get("CLOUD_ML_TRIAL_ID") or LOCAL_ID,
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
