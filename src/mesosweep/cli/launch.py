"""`mesosweep launch`: one stage, searched by itself."""

from __future__ import annotations

import os

import typer

from mesosweep.cli.options import SWEEP
from mesosweep.cli.sweep import EventsFile, NoCheck, execute
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

EXAMPLES = (
    "mesosweep launch --species velociraptor --stage 1 --trials 5 --timesteps 100000\n\n"
    "mesosweep launch --species velociraptor --stage 2 --trials 20 "
    "--load sweeps/velociraptor/ppo/stage1/3/models/best_model.zip"
)


@takes((*SWEEP[:2], "stage", *SWEEP[2:]))
def launch(
    flags: Flags,
    ctx: typer.Context,
    *,
    no_check: NoCheck = False,
    events: EventsFile = None,
) -> int:
    """Sweep one stage, from scratch or from a checkpoint of your choice (--load).

    It has a state and folders of its own (the next attempt): a run-all is not disturbed.
    """
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import plan_launch

    registry = Registry()
    plan = plan_launch(flags, registry=registry, environ=os.environ)
    return execute(plan, registry=registry, again=ctx.obj.argv, check=not no_check, events=events)
