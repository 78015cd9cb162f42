"""`mesosweep plan`: everything that a sweep would do, without doing it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.options import SWEEP, AsJson
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.domain.plan import SweepPlan

ELSEWHERE = "vertex"

EXAMPLES = (
    "mesosweep plan --species velociraptor --search-space-file configs/sweep_ppo.json\n\n"
    "mesosweep plan --species velociraptor --stage 2 --trials 30 --no-check --json\n\n"
    "mesosweep plan --species velociraptor --project YOUR_PROJECT --bucket YOUR_BUCKET "
    "--image IMAGE_URI --max-cost 60"
)

NoCheck = Annotated[
    bool,
    typer.Option(
        "--no-check",
        rich_help_panel="Output",
        help="Neither build the corners of the spaces nor measure the speed.",
    ),
]

Request = Annotated[
    bool,
    typer.Option(
        "--request",
        rich_help_panel="Output",
        help="Print each stage's job as YAML instead, as gcloud takes it; secrets blotted out.",
    ),
]


Study = Annotated[
    int | None,
    typer.Option(
        "--study",
        metavar="N",
        min=1,
        rich_help_panel="Output",
        help="Print the study.json of stage N instead, which a job sent by hand needs in the bucket.",
    ),
]


@takes((*SWEEP[:2], "stage", *SWEEP[2:]))
def plan(
    flags: Flags,
    ctx: typer.Context,
    *,
    no_check: NoCheck = False,
    request: Request = False,
    study: Study = None,
    as_json: AsJson = False,
) -> int:
    """Print spaces, budgets, gates and seeds, where each value comes from, and how long it takes.

    With --stage, the plan of a `launch` of that stage. Nothing is written; what a plan on
    Vertex AI costs is told by stage, and more than --max-cost is exit 6.
    """
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import plan_launch, plan_sweep

    make = plan_sweep if flags.stage is None else plan_launch
    made = make(flags, registry=Registry(), environ=os.environ)
    if study is not None:
        from mesosweep.cli.requested import document_of

        print(document_of(made, study), end="")
        return 0
    measured, sides = {}, {}
    if made.backend == "local":
        from mesosweep.worker.bench_kept import sides_of

        sides = sides_of(made)
    if not no_check:
        from mesosweep.cli.faults import say
        from mesosweep.worker.check import checked

        say("Building the corners and measuring the speed (--no-check skips it) …")
        measured = {found.stage: found for found in checked(_seen(made))}
    if request:
        from mesosweep.cli.requested import requests_of

        for text in requests_of(made, measured, words=ctx.obj.argv):
            print(text, end="")
        return 0
    bill = None
    if made.backend == ELSEWHERE:
        from mesosweep.cli.requested import bill_of, noted

        made, bill = noted(made, measured), bill_of(made, measured)
    if as_json:
        from mesosweep.report.plan_document import plan_document

        document = plan_document(made, measured, sides, bill)
        print(json.dumps(document, indent=2, allow_nan=False))
    else:
        from mesosweep.cli.screen import output
        from mesosweep.report.plan import plan_view
        from mesosweep.report.summary import show

        show(output(), plan_view(made, measured, sides, bill))
    if bill is not None:
        from mesosweep.cli.requested import check_limit

        check_limit(made, bill)
    return 0


def _seen(plan: SweepPlan) -> SweepPlan:
    """Return the plan with the checkpoint that it starts from on this machine."""
    if plan.load is None:
        return plan
    from mesosweep.stores import reach

    return replace(plan, load=replace(plan.load, uri=str(reach.bundle(plan.load.uri))))
