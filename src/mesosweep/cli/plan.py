"""`mesosweep plan`: everything that a sweep would do, without doing it."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from mesosweep.cli.options import SWEEP, AsJson
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

EXAMPLES = (
    "mesosweep plan --species velociraptor --search-space-file configs/sweep_ppo.json\n\n"
    "mesosweep plan --species velociraptor --stage 2 --trials 30 --no-check --json"
)

NoCheck = Annotated[
    bool,
    typer.Option(
        "--no-check",
        rich_help_panel="Output",
        help="Neither build the corners of the spaces nor measure the speed.",
    ),
]


@takes((*SWEEP[:2], "stage", *SWEEP[2:]))
def plan(flags: Flags, *, no_check: NoCheck = False, as_json: AsJson = False) -> int:
    """Print spaces, budgets, gates and seeds, where each value comes from, and how long it takes.

    With --stage, the plan of a `launch` of that stage. Nothing is written.
    """
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import plan_launch, plan_sweep

    make = plan_sweep if flags.stage is None else plan_launch
    made = make(flags, registry=Registry(), environ=os.environ)
    measured, sides = {}, {}
    if made.backend == "local":
        from mesosweep.worker.bench_kept import sides_of

        sides = sides_of(made)
    if not no_check:
        from mesosweep.cli.faults import say
        from mesosweep.worker.check import checked

        say("Building the corners and measuring the speed (--no-check skips it) …")
        measured = {found.stage: found for found in checked(made)}
    if as_json:
        from mesosweep.report.plan import plan_document

        print(json.dumps(plan_document(made, measured, sides), indent=2, allow_nan=False))
        return 0
    from mesosweep.cli.screen import output
    from mesosweep.report.plan import plan_view
    from mesosweep.report.summary import show

    show(output(), plan_view(made, measured, sides))
    return 0
