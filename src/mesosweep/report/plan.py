"""A plan to be read before it is run: what, how much, how long, and who said so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from mesosweep.domain.plan import StagePlan, SweepPlan
from mesosweep.domain.seeds import evidence_seeds
from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter
from mesosweep.report.cost import Cost, Measured, cost_of
from mesosweep.report.events import plain
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
) -> tuple[RenderableType, ...]:
    """Return what `mesosweep plan` prints; see `summary.show` and `cost_of`."""
    measured, sides = measured or {}, sides or {}
    costs = {
        stage.number: cost_of(stage, measured.get(stage.number), sides.get(stage.number, ()))
        for stage in plan.stages
    }
    parts: list[RenderableType] = [
        Text(f"{plan.species} · {plan.algorithm} · plan {plan.fingerprint}", style="bold"),
        Text(f"{plan.root} · {plan.backend} · sampler {plan.sampler} · device {plan.device}"),
        Text(""),
        _budget_table(plan, measured, costs),
    ]
    for stage in plan.stages:
        parts += [Text(f"\n{stage.number} {stage.name}: search space", style="bold")]
        parts += [_space_table(plan, stage)]
    if plan.notes:
        parts += [Text("\nNotes", style="bold"), *(Text(f"  - {note}") for note in plan.notes)]
    parts.append(Text(f"\nTime in all: {_total(list(costs.values()))}"))
    if any(cost.seconds is not None and cost.share_of_alone is None for cost in costs.values()):
        parts.append(
            Text(
                "  if trials at a time do not slow each other; to know: mesosweep bench "
                f"--species {plan.species} --algorithm {plan.algorithm}"
            )
        )
    return tuple(parts)


def _budget_table(
    plan: SweepPlan, measured: Mapping[int, Measured], costs: Mapping[int, Cost]
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
    row("trials", said("trials", [str(s.trials) for s in stages]))
    row("at a time", said("parallel", [str(s.parallel) for s in stages]))
    row("steps per trial", said("timesteps", [f"{s.settings.timesteps:,}" for s in stages]))
    row("environments", said("n_envs", [str(s.settings.n_envs) for s in stages]))
    row("steps in all", [count(costs[s.number].steps) for s in stages])
    row("starts from", [_start(plan, s) for s in stages])
    row("gate", ["\n".join(thresholds(s.gate)) or "none" for s in stages])
    row("seed", said("seed", [str(s.settings.seed) for s in stages]))
    row("evaluations", [_evaluations(s) for s in stages])
    row("judging", [_share(costs[s.number]) for s in stages])
    row("corners built", [_corners(measured.get(s.number)) for s in stages])
    row("speed of a trial", [_speed(measured.get(s.number), costs[s.number]) for s in stages])
    row("time", [_time(costs[s.number]) for s in stages])
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


def plan_document(
    plan: SweepPlan,
    measured: Mapping[int, Measured] | None = None,
    sides: Mapping[int, Sequence[SideBySide]] | None = None,
) -> dict[str, Any]:
    """Return the plan as one JSON document; see `cost_of`."""
    measured, sides = measured or {}, sides or {}
    return {
        "version": 1,
        "species": plan.species,
        "algorithm": plan.algorithm,
        "fingerprint": plan.fingerprint,
        "backend": plan.backend,
        "root": plan.root,
        "sampler": plan.sampler,
        "select_by": plan.select_by,
        "handoff": plan.handoff,
        "on_gate_fail": plan.on_gate_fail,
        "load": plain(plan.load),
        "stages": [
            _stage_document(s, measured.get(s.number), sides.get(s.number, ())) for s in plan.stages
        ],
        "notes": list(plan.notes),
        "origins": dict(plan.origins),
    }


def _stage_document(
    stage: StagePlan, measured: Measured | None, sides: Sequence[SideBySide]
) -> dict[str, Any]:
    cost = cost_of(stage, measured, sides)
    return {
        "stage": stage.number,
        "name": stage.name,
        "trials": stage.trials,
        "parallel": stage.parallel,
        **plain(stage.settings),
        "space": plain(stage.space),
        "default": plain(stage.default),
        "enqueued": plain(stage.enqueued),
        "overrides": list(stage.overrides),
        "warm_starts": stage.warm_starts,
        "gate": {key: least for key, least in plain(stage.gate).items() if least is not None},
        "seeds": {kind: _block(stage, kind) for kind in ("select", "panel", "test")},
        "total_steps": cost.steps,
        "judging_share": cost.judging_share,
        "estimated_s": cost.seconds,
        "steps_per_s": measured.steps_per_s if measured else None,
        "share_of_alone": cost.share_of_alone,
        "corners_built": measured.corners if measured else None,
    }


def _block(stage: StagePlan, kind: Any) -> list[int]:  # one of the three words of `Evidence`
    settings = stage.settings
    episodes = {
        "select": settings.eval_episodes,
        "panel": settings.panel_episodes,
        "test": settings.test_episodes,
    }[kind]
    block = evidence_seeds(kind, sweep_seed=settings.seed, stage=stage.number, count=episodes)
    return [block.start, block.stop - 1]
