"""Before money is spent: what it will be, whether it is allowed, whether the user agrees."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from mesosweep.cli.faults import say
from mesosweep.domain.errors import BudgetReached, UsageError

if TYPE_CHECKING:
    from mesosweep.backends.prices import Quote
    from mesosweep.backends.vertex.settings import JobSettings
    from mesosweep.domain.plan import StagePlan, SweepPlan
    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.worker.check import StageCheck


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is still to be run, and what it will take."""

    trials: Mapping[int, int]
    """Stage → trials that are still to be asked for."""
    trial_s: Mapping[int, float]
    """Stage → seconds of one trial, where its speed was measured."""
    quote: Quote

    @classmethod
    def of(
        cls,
        plan: SweepPlan,
        state: SweepState | None,
        quote: Quote,
        measured: Mapping[int, StageCheck],
    ) -> Estimate:
        from mesosweep.report.cost import trial_seconds

        known = {stage.stage: stage for stage in state.stages} if state else {}
        trials, trial_s = {}, {}
        for stage in plan.stages:
            stale = state is not None and stage.number in state.stale
            trials[stage.number] = _left(stage, None if stale else known.get(stage.number))
            check = measured.get(stage.number)
            seconds = None if check is None else trial_seconds(stage, check)
            if seconds is not None:
                trial_s[stage.number] = seconds
        return cls(trials, trial_s, quote)

    @property
    def trial_usd(self) -> Mapping[int, float]:
        """Stage → US dollars of one trial, where time and price are known."""
        costs = {stage: self.quote.usd(seconds) for stage, seconds in self.trial_s.items()}
        return {stage: usd for stage, usd in costs.items() if usd is not None}

    @property
    def usd(self) -> float | None:
        """All that is still to be run; None where a part is not known."""
        usual = self.trial_usd
        left = {stage: count for stage, count in self.trials.items() if count}
        if not left.keys() <= usual.keys():
            return None
        return sum(count * usual[stage] for stage, count in left.items())


def agree(
    plan: SweepPlan,
    settings: JobSettings,
    estimate: Estimate,
    *,
    spent_usd: float,
    yes: bool,
    has_job: bool = False,
) -> None:
    """Return if the sweep may spend what it still needs.

    With `has_job` a job of it is under way: it is gone back to, however dear it was meanwhile.

    Raises:
        BudgetReached: it would cost more than --max-cost.
        UsageError: the user does not agree, or nobody can be asked; or --max-cost is given
            and the price is not known.
    """
    for note in _notes(plan, replace(settings, trial_s=estimate.trial_s)):
        say(note)
    trials = sum(estimate.trials.values())
    if not trials:
        return
    if not has_job:  # whoever watches a job that is under way keeps to the limit
        _check_limit(plan, estimate, spent_usd)
    words = (
        f"{trials} trials on {settings.machine} in {settings.location}, project "
        f"{settings.project}: {_cost(estimate, spent_usd)}"
    )
    if settings.is_rehearsed:
        say(f"This would ask for {words}")
        return
    if yes:
        say(words)
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"Nobody is here to agree to {words}",
            hint="Look at it with `mesosweep plan`; then say --yes.",
        )
    if not confirmed(f"{words}\nSubmit?"):
        raise UsageError("Nothing was submitted.")


def _left(stage: StagePlan, done: StageState | None) -> int:
    """Return how many trials of a stage are still to be asked for.

    What failed counts where its job has done its work. A job that was lost is followed by
    another, which is asked for those trials again.
    """
    if done is None:
        ended = 0
    elif done.status in ("verifying", "finished"):
        ended = len(done.ended)
    else:
        ended = sum(trial.has_ended and trial.status != "failed" for trial in done.trials)
    return max(stage.trials - ended, 0)


def confirmed(question: str) -> bool:
    """Ask the person at the terminal; Ctrl-C and the end of input are a no."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False


def _notes(plan: SweepPlan, settings: JobSettings) -> list[str]:
    """Check that every stage can be a job, and return what is worth saying of them, once each.

    What a stage begins from, and what an earlier one fixed, is not known yet; no note depends on it.
    """
    from mesosweep.backends.vertex.notes import notes_on
    from mesosweep.backends.vertex.request import Go, build_request

    found: dict[str, None] = {}
    plan = replace(plan, stage_dir=None)  # as --load, carried into the bucket before it is needed
    for stage in plan.stages:
        study = plan.study(stage, attempt=0, load=None, fixed={})
        build_request(study, settings, Go.first(study))
        found |= dict.fromkeys(notes_on(study, settings))
    return list(found)


def _check_limit(plan: SweepPlan, estimate: Estimate, spent_usd: float) -> None:
    most = plan.max_cost_usd
    if most is None:
        return
    if estimate.quote.missing:
        raise UsageError(
            f"--max-cost {most:g}: {estimate.quote.told()}, so nobody can keep to it.",
            hint="Say what it costs in a file of the form of our own table: --price-file FILE",
        )
    coming = estimate.usd
    if coming is None:
        say("The speed was not measured, so --max-cost is watched while the sweep runs only.")
    elif spent_usd + coming > most:
        raise BudgetReached(
            f"--max-cost {most:g}: the plan is expected to cost ${coming:.2f}"
            + (f", and ${spent_usd:.2f} are spent." if spent_usd else "."),
            hint="See it stage by stage: mesosweep plan. Fewer --trials or --timesteps, --spot "
            "or a larger --max-cost make it fit.",
        )


def _cost(estimate: Estimate, spent_usd: float) -> str:
    usd = estimate.usd
    if estimate.quote.missing:
        about = f"{estimate.quote.told()}."
    elif usd is None:
        about = f"{estimate.quote.told()}; the speed was not measured, so nobody knows how long."
    else:
        about = f"about ${usd:.2f}; {estimate.quote.told()}."
    return about + (f" ${spent_usd:.2f} are spent already." if spent_usd else "")
