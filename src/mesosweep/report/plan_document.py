"""A plan as one JSON document, for scripts. Keys never change their meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesosweep.domain.plan import StagePlan, SweepPlan
from mesosweep.domain.seeds import evidence_seeds
from mesosweep.report.bill import Bill
from mesosweep.report.cost import Measured, cost_of
from mesosweep.report.events import plain
from mesosweep.settings.advice import SideBySide


def plan_document(
    plan: SweepPlan,
    measured: Mapping[int, Measured] | None = None,
    sides: Mapping[int, Sequence[SideBySide]] | None = None,
    bill: Bill | None = None,
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
        "early_stopping": plan.early_stopping,
        "select_by": plan.select_by,
        "handoff": plan.handoff,
        "on_gate_fail": plan.on_gate_fail,
        "load": plain(plan.load),
        "stages": [
            _stage_document(s, measured.get(s.number), sides.get(s.number, ())) for s in plan.stages
        ],
        "job": plain(plan.job),
        "bill": None if bill is None else {**plain(bill), "total_usd": bill.total_usd(plan)},
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
        "grace_steps": stage.grace_steps,
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
