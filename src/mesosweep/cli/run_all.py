"""`mesosweep run-all`: every stage of the curriculum, each from the last winner."""

from __future__ import annotations

import os

import typer

from mesosweep.cli.options import SWEEP
from mesosweep.cli.sweep import EventsFile, NoCheck, Yes, execute
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

EXAMPLES = (
    "mesosweep run-all --species velociraptor --algorithm ppo --trials 20 --parallel 5 "
    "--timesteps-stage1 500000 --timesteps-stage2 1000000 --timesteps-stage3 1500000\n\n"
    "mesosweep run-all --species velociraptor --search-space-file configs/sweep_ppo.json "
    "--trials-stage1 15\n\n"
    "mesosweep run-all --species velociraptor --project YOUR_PROJECT --bucket YOUR_BUCKET "
    "--image IMAGE_URI --trials 20 --parallel 5\n\n"
    "mesosweep launch-all is the same command."
)


@takes(SWEEP)
def run_all(
    flags: Flags,
    ctx: typer.Context,
    *,
    no_check: NoCheck = False,
    events: EventsFile = None,
    yes: Yes = False,
) -> int:
    """Sweep all stages: search, choose on fresh evidence, hand the winner on, verify.

    Everything is saved as it becomes true. Interrupt it at any moment; the same command goes on.
    """
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import plan_sweep

    registry = Registry()
    plan = plan_sweep(flags, registry=registry, environ=os.environ)
    return execute(
        plan, registry=registry, words=ctx.obj, check=not no_check, events=events, yes=yes
    )
