"""A plan to be read before it is run: what, how much, how long, and who said so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from mesosweep.domain.plan import StagePlan, SweepPlan
from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter
from mesosweep.report.bill import Bill
from mesosweep.report.cost import Cost, Measured, cost_of
from mesosweep.report.words import NONE, count, span, thresholds, value
from mesosweep.settings.advice import SideBySide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

UNMEASURED = "unmeasured"


def plan_view(
    plan: SweepPlan,
    measured: Mapping[int, Measured] | None = None,
    sides: Mapping[int, Sequence[SideBySide]] | None = None,
    bill: Bill | None = None,
) -> tuple[RenderableType, ...]:
    """Return what `mesosweep plan` prints; see `summary.show` and `cost_of`."""
    measured, sides = measured or {}, sides or {}
    costs = {
        stage.number: cost_of(stage, measured.get(stage.number), sides.get(stage.number, ()))
        for stage in plan.stages
    }
    parts: list[RenderableType] = [
        Text(f"{plan.species} · {plan.algorithm} · plan {plan.fingerprint}", style="bold"),
        Text(f"{plan.root} · {plan.backend} · {_chooser(plan, bill)} · device {plan.device}"),
        *([Text(f"{bill.machine} in {bill.where} · {bill.price}")] if bill else []),
        Text(""),
        _budget_table(plan, measured, costs, bill),
    ]
    for stage in plan.stages:
        parts += [Text(f"\n{stage.number} {stage.name}: search space", style="bold")]
        parts += [_space_table(plan, stage)]
    if plan.notes:
        parts += [Text("\nNotes", style="bold"), *(Text(f"  - {note}") for note in plan.notes)]
    parts.append(Text(f"\nTime in all: {_total(list(costs.values()))}"))
    if bill is not None:
        parts += _bill_words(plan, bill)
    elif any(cost.seconds is not None and cost.share_of_alone is None for cost in costs.values()):
        parts.append(
            Text(
                "  if trials at a time do not slow each other; to know: mesosweep bench "
                f"--species {plan.species} --algorithm {plan.algorithm}"
            )
        )
    return tuple(parts)


def _chooser(plan: SweepPlan, bill: Bill | None) -> str:
    return f"sampler {plan.sampler}" if bill is None else "the service chooses"


def _bill_words(plan: SweepPlan, bill: Bill) -> list[RenderableType]:
    usd = bill.total_usd(plan)
    told = UNMEASURED if usd is None else f"~${usd:.2f}, {bill.price}"
    words = [Text(f"Cost in all: {told}")]
    if usd is not None:
        words.append(
            Text(
                "  at the speed of a trial on this machine; waiting for machines and starting "
                "them is in neither"
            )
        )
    return [*words]


def _budget_table(
    plan: SweepPlan,
    measured: Mapping[int, Measured],
    costs: Mapping[int, Cost],
    bill: Bill | None = None,
) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("", style="dim", min_width=11)
    for stage in plan.stages:
        table.add_column(f"{stage.number} {stage.name}")

    def row(label: str, cells: Sequence[str | Text]) -> None:
        table.add_row(label, *cells)

    def said(setting: str, words: Sequence[str]) -> list[Text]:
        return [
            _with_origin(text, plan.origins.get(f"stage{stage.number}.{setting}"))
            for stage, text in zip(plan.stages, words, strict=True)
        ]

    stages = plan.stages
    said_by = plan.origins.get("early_stopping")
    row("trials", said("trials", [str(s.trials) for s in stages]))
    row("at a time", said("parallel", [str(s.parallel) for s in stages]))
    row("steps per trial", said("timesteps", [f"{s.settings.timesteps:,}" for s in stages]))
    row("environments", said("n_envs", [str(s.settings.n_envs) for s in stages]))
    row("steps in all", [count(costs[s.number].steps) for s in stages])
    row("starts from", [_start(plan, s) for s in stages])
    row("gate", ["\n".join(thresholds(s.gate)) or "none" for s in stages])
    row("seed", said("seed", [str(s.settings.seed) for s in stages]))
    row("evaluations", [_evaluations(s) for s in stages])
    if plan.early_stopping != "none":
        row("stops early", [_with_origin(_stops(plan, s), said_by) for s in stages])
    row("judging", [_share(costs[s.number]) for s in stages])
    row("corners built", [_corners(measured.get(s.number)) for s in stages])
    row("speed of a trial", [_speed(measured.get(s.number), costs[s.number]) for s in stages])
    row("time", [_time(costs[s.number]) for s in stages])
    if bill is not None:
        usd = [bill.usd.get(s.number) for s in stages]
        row("cost", [UNMEASURED if each is None else f"~${each:.2f}" for each in usd])
    return table


def _with_origin(text: str, origin: str | None) -> Text:
    told = Text(text)
    if origin and origin != "default":
        told.append(f" {origin}", style="dim")
    return told


def _start(plan: SweepPlan, stage: StagePlan) -> str:
    if plan.stages[0] is stage:
        return plan.load.uri if plan.load else "scratch"
    return f"the winner before ({plan.handoff})"


def _evaluations(stage: StagePlan) -> str:
    settings = stage.settings
    return (
        f"every {count(settings.eval_freq)}: {settings.eval_episodes}\n"
        f"panel {settings.panel_episodes}, test {settings.test_episodes}"
    )


def _stops(plan: SweepPlan, stage: StagePlan) -> str:
    stopping = plan.stopping(stage)
    steps = stopping.rungs if stopping else ()
    if stopping is None or not steps:
        return "never: warm-up and ramp take it all"
    if stopping.rule == "median":
        return f"below the median\nfrom step {count(steps[0])}"
    return f"halving at step {' and '.join(map(count, steps))}"


def _share(cost: Cost) -> str:
    share = cost.judging_share
    return UNMEASURED if share is None else f"at most +{share:.0%} steps"


def _corners(measured: Measured | None) -> str:
    return UNMEASURED if measured is None else str(measured.corners)


def _speed(measured: Measured | None, cost: Cost) -> str:
    if measured is None:
        return UNMEASURED
    alone = f"{count(round(measured.steps_per_s))} steps/s"
    if cost.share_of_alone in (None, 1.0):
        return alone
    return f"{alone} alone,\n{cost.share_of_alone:.0%} of it beside others"


def _time(cost: Cost) -> str:
    return UNMEASURED if cost.seconds is None else f"~{span(cost.seconds)}"


def _total(costs: list[Cost]) -> str:
    seconds = [cost.seconds for cost in costs]
    if any(each is None for each in seconds):
        return UNMEASURED
    return f"~{span(sum(each for each in seconds if each is not None))}"


def _space_table(plan: SweepPlan, stage: StagePlan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 2), show_header=False)
    origin = plan.origins.get(f"stage{stage.number}.space", "")
    for name, parameter in stage.space.items():
        default = (stage.default or {}).get(name)
        start = f"default {value(default)}" if default is not None else NONE
        table.add_row(name, _kind(parameter), range_of(parameter), start)
    table.caption = f"from {origin}" if origin and origin != "default" else None
    table.caption_justify = "left"
    return table


def _kind(parameter: Parameter) -> str:
    kind = type(parameter).__name__.lower()
    if isinstance(parameter, Double | Integer) and parameter.scale == "log":
        return f"{kind}, log"
    return kind


def range_of(parameter: Parameter) -> str:
    """Return what a parameter may be, in a few words."""
    match parameter:
        case Double(low=low, high=high) | Integer(low=low, high=high):
            return f"{low:g} to {high:g}"
        case Discrete(values=values) | Categorical(values=values):
            return ", ".join(map(str, values))
