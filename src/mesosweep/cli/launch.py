"""`mesosweep launch`: one stage, searched by itself."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mesosweep.cli.options import CLOUD, SWEEP
from mesosweep.cli.sweep import EventsFile, NoCheck, Yes, execute
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

EXAMPLES = (
    "mesosweep launch --species velociraptor --stage 1 --trials 5 --timesteps 100000\n\n"
    "mesosweep launch --species velociraptor --stage 2 --trials 20 "
    "--load sweeps/velociraptor/ppo/stage1/3/models/best_model.zip\n\n"
    "mesosweep launch --species velociraptor --stage 2 --project YOUR_PROJECT "
    "--bucket YOUR_BUCKET --image IMAGE_URI --trials 20 --parallel 5 --timesteps 1000000"
)


@takes((*SWEEP[:2], "stage", *SWEEP[2:]))
def launch(
    flags: Flags,
    ctx: typer.Context,
    *,
    no_check: NoCheck = False,
    events: EventsFile = None,
    yes: Yes = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            rich_help_panel=CLOUD,
            help="Follow the job to its winner. Else this returns once it is submitted.",
        ),
    ] = False,
) -> int:
    """Sweep one stage, from scratch or from a checkpoint of your choice (--load).

    It has a state and folders of its own (the next attempt): a run-all is not disturbed.
    On Vertex AI it submits the job and returns; on this machine it always runs to the end.
    """
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import plan_launch

    registry = Registry()
    plan = plan_launch(flags, registry=registry, environ=os.environ)
    return execute(
        plan,
        registry=registry,
        words=ctx.obj,
        check=not no_check,
        events=events,
        yes=yes,
        follows=wait,
    )
