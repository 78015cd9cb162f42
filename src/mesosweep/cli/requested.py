"""What a plan on Vertex AI would send, and what it would cost: nothing is asked of anybody."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mesosweep.domain.errors import BudgetReached, UsageError

if TYPE_CHECKING:
    from mesosweep.backends.vertex.settings import JobSettings
    from mesosweep.domain.plan import StagePlan, SweepPlan
    from mesosweep.domain.study import Study
    from mesosweep.report.bill import Bill
    from mesosweep.report.cost import Measured

_PRINTS = ("--request", "--json", "--no-check")
"""Words of `plan` that say what of it is printed."""


def requests_of(
    plan: SweepPlan, measured: Mapping[int, Measured], *, words: Sequence[str]
) -> Iterator[str]:
    """Yield each stage's job as a YAML document.

    Its timeout follows from the speed, where that was `measured`. Where a stage starts from the
    winner before, that one stands as WINNER: nobody knows it yet. `words` is the command that made
    the plan: trials refuse to start without their study's document, and it can print that, too.
    In a rehearsal nothing is sent by hand, and how that is done is left out.

    Raises:
        UsageError: trials run on this machine.
    """
    from mesosweep.backends.vertex.request import Go, build_request, study_uri
    from mesosweep.backends.vertex.written import as_yaml

    settings = replace(_settings(plan), trial_s=_trial_s(plan, measured))
    again = shlex.join(["mesosweep", *(word for word in words if word not in _PRINTS)])
    for number, study in enumerate(_studies(plan)):
        go = Go.first(study)
        put = f"{again} --study {study.stage} | gcloud storage cp - {study_uri(go)}"
        told = f"# Sent by hand, its trials need their document first:\n# {put}\n"
        if settings.is_rehearsed:
            told = "# Of a rehearsal: its bucket and its service are where gcloud does not look.\n"
        request = build_request(study, settings, go)
        yield ("---\n" if number else "") + told + as_yaml(request, location=settings.location)


def document_of(plan: SweepPlan, stage: int) -> str:
    """Return the `study.json` of a stage's first job: what each of its trials must find itself to be.

    Raises:
        UsageError: trials run on this machine, or there is no such stage.
    """
    from mesosweep import __version__
    from mesosweep.records.study_file import study_file, written

    _settings(plan)
    for study in _studies(plan):
        if study.stage == stage:
            return written(study_file(study, plan, core=__version__, attempt=study.attempt))
    listed = ", ".join(str(each.number) for each in plan.stages)
    raise UsageError(f"--study {stage}: the plan has no such stage.", hint=f"There are: {listed}.")


def bill_of(plan: SweepPlan, measured: Mapping[int, Measured]) -> Bill:
    """Return what the plan costs, as far as speed and prices are known."""
    from mesosweep.backends.vertex.money import costs_of, quote_of
    from mesosweep.report.bill import Bill

    settings = _settings(plan)
    quote = quote_of(settings, price_file=plan.price_file)
    paces = {number: found.steps_per_s for number, found in measured.items()}
    costs = costs_of(plan, quote, trial_s=_trial_s(plan, measured), steps_per_s=paces)
    usd = {number: cost.usd for number, cost in costs.items() if cost.usd is not None}
    where = f"{settings.location}, project {settings.project}"
    return Bill(settings.machine, where, quote.told(), usd)


def _trial_s(plan: SweepPlan, measured: Mapping[int, Measured]) -> dict[int, float]:
    from mesosweep.report.cost import trial_seconds

    return {
        stage.number: seconds
        for stage in plan.stages
        if (check := measured.get(stage.number)) is not None
        and (seconds := trial_seconds(stage, check)) is not None
    }


def noted(plan: SweepPlan, measured: Mapping[int, Measured]) -> SweepPlan:
    """Return the plan with what Vertex AI makes worth saying among its notes."""
    from mesosweep.backends.vertex.notes import notes_on

    settings = replace(_settings(plan), trial_s=_trial_s(plan, measured))
    found = dict.fromkeys(note for study in _studies(plan) for note in notes_on(study, settings))
    return replace(plan, notes=(*plan.notes, *found))


def check_limit(plan: SweepPlan, bill: Bill) -> None:
    """Raise BudgetReached for a plan that costs more than it may."""
    most, usd = plan.max_cost_usd, bill.total_usd(plan)
    if most is not None and usd is not None and usd > most:
        raise BudgetReached(
            f"--max-cost {most:g}: the plan is expected to cost ${usd:.2f}.",
            hint="Fewer --trials or --timesteps, --spot or a larger --max-cost make it fit.",
        )


def _settings(plan: SweepPlan) -> JobSettings:
    from mesosweep.backends.vertex.settings import JobSettings

    if not plan.job and plan.backend == "local":
        raise UsageError(
            "Trials run on this machine, so no job is sent, and there is none to print.",
            hint="Say where they run: --project, --bucket and --image.",
        )
    return JobSettings.of(plan, environ=os.environ, trial_s={})


def _studies(plan: SweepPlan) -> Iterator[Study]:
    from mesosweep.domain.trial import Checkpoint

    # What is on this machine is carried into the bucket before a job is sent.
    load = plan.load
    if load is not None and not load.uri.startswith(("gs://", "/gcs/")):
        load = replace(load, uri=f"{plan.root}/_loaded/CONTENT/{load.uri.rpartition('/')[2]}")
    plan = replace(plan, stage_dir=f"{plan.root}/_stages/CONTENT" if plan.stage_dir else None)
    before: StagePlan | None = None
    for stage in plan.stages:
        if before is not None:
            policy = "best_model" if plan.handoff == "best" else f"stage{before.number}_final"
            uri = f"{plan.root}/stage{before.number}/WINNER/models/{policy}.zip"
            load = Checkpoint(uri, plan.handoff, "WINNER")
        yield plan.study(stage, attempt=0, load=load, fixed={})
        before = stage
