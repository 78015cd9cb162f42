"""`mesosweep train`: the production run, the whole curriculum with nothing left to search."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mesosweep.cli.options import AsJson
from mesosweep.cli.options_training import (
    CurriculumSeeds,
    From,
    NoCheck,
    Parallel,
    Passes,
    StopAtGate,
)
from mesosweep.cli.taking import takes
from mesosweep.domain.errors import GateNotPassed, Interrupted, StageError, UsageError
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.cli.lineages import Lineage
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.plugins import Registry
    from mesosweep.report.training import Run

EXAMPLES = (
    "mesosweep train --species velociraptor --from runs --seeds 3\n\n"
    "mesosweep train --species velociraptor --algorithm ppo "
    "--override 1.ppo.learning_rate=3e-4 2.ppo.learning_rate=1e-4\n\n"
    "Interrupt it at any moment; the same command goes on."
)
_TAKEN = (
    *("species", "algorithm", "load"),
    *("timesteps", "timesteps_stage", "n_envs", "trial_timeout"),
    *("override", "stage_dir", "seed"),
    *("eval_freq", "eval_episodes", "panel_episodes", "test_episodes", "handoff"),
    *("output_dir", "resume", "save_freq", "device", "tracker", "wandb", "trust"),
)


@takes(_TAKEN)
def train(
    flags: Flags,
    ctx: typer.Context,
    *,
    found: From = None,
    seeds: CurriculumSeeds = 1,
    parallel: Parallel = None,
    passes: Passes = 3,
    on_gate_fail: StopAtGate = None,
    no_check: NoCheck = False,
    as_json: AsJson = False,
) -> int:
    """Train the whole curriculum, each stage from the last one's checkpoint, and verify it.

    Everything lies in DIR/train/SPECIES/ALGORITHM/seedN.
    """
    from mesosweep.cli.faults import say
    from mesosweep.cli.from_sweep import with_found
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import usable_cores

    registry = Registry()
    flags = replace(flags, on_gate_fail=on_gate_fail)
    if found is not None:
        flags = with_found(flags, found)
    plans = _plans(flags, registry=registry, passes=passes, seeds=seeds)
    for note in dict.fromkeys(note for plan in plans for note in plan.notes):
        say(note)
    for plan in plans:
        _check_begun(plan)
    if not no_check and not _has_begun(plans[0]):
        _preflight(plans[0])
    return _run(
        plans,
        registry=registry,
        parallel=min(seeds, parallel or usable_cores()),
        again=ctx.obj.argv,
        as_json=as_json,
    )


def _plans(flags: Flags, *, registry: Registry, passes: int, seeds: int) -> list[SweepPlan]:
    from mesosweep.settings.production import plan_production

    first = plan_production(flags, registry=registry, environ=os.environ, passes=passes)
    seed = first.stages[0].settings.seed
    return [
        first,
        *(
            plan_production(
                flags, registry=registry, environ=os.environ, passes=passes, seed=seed + number
            )
            for number in range(1, seeds)
        ),
    ]


def _check_begun(plan: SweepPlan) -> None:
    """Raise PlanMismatch where a seed was begun with another plan, before any is trained."""
    from mesosweep.engine.journal import check_same_plan
    from mesosweep.stores.file import FileStore

    loaded = FileStore(Path(plan.root)).load(plan.sweep_key) if plan.resume else None
    if loaded is not None:
        check_same_plan(plan, loaded[0])


def _has_begun(plan: SweepPlan) -> bool:
    return plan.resume and (Path(plan.root) / f"{plan.sweep_key}.json").exists()


def _preflight(plan: SweepPlan) -> None:
    """Build every stage as it will be trained, so that the last one does not fail after hours."""
    from mesosweep.cli.faults import say
    from mesosweep.records.bundle import open_bundle
    from mesosweep.stores import reach
    from mesosweep.worker.check import checked

    if plan.load is not None:
        open_bundle(reach.bundle(plan.load.uri))
    say("Building every stage (--no-check skips it) …")
    checked(plan)


def _run(
    plans: Sequence[SweepPlan],
    *,
    registry: Registry,
    parallel: int,
    again: Sequence[str],
    as_json: bool,
) -> int:
    from mesosweep.backends._workers import LocalRunner
    from mesosweep.cli.faults import say
    from mesosweep.cli.interrupt import Stop
    from mesosweep.cli.lineages import exit_code_of, lineages_of, teller, walk
    from mesosweep.engine.sampled import SampledBackend
    from mesosweep.plugins import SAMPLERS

    lineages = lineages_of(plans)
    # Of a search there is left what runs trials; the sampler has nothing to choose.
    backend = SampledBackend(
        "local",
        sampler=registry.get(SAMPLERS, plans[0].sampler)(),
        runner=LocalRunner(registry),
    )
    tell = teller(lineages, say)
    come_back = shlex.join(["mesosweep", *(word for word in again if word != "--no-resume")])
    with Stop(say) as stop:
        try:
            for lineage, event in walk(lineages, parallel=parallel, backend=backend, stop=stop):
                tell(lineage, event)
        except (Interrupted, KeyboardInterrupt):
            say(f"Stopped. Everything is saved; go on with:\n  {come_back}")
            return Interrupted.exit_code
    _conclude(lineages, come_back, as_json=as_json)
    for lineage in lineages:
        # What a gate lacks stands in the table; what to do about it is the next command.
        if lineage.error is not None and not isinstance(lineage.error, StageError):
            say(f"seed {lineage.seed}: {lineage.error}\n  {lineage.error.hint or ''}".rstrip())
    return exit_code_of(lineages)


def _conclude(lineages: Sequence[Lineage], come_back: str, *, as_json: bool) -> None:
    from mesosweep.cli.screen import output
    from mesosweep.report.summary import show
    from mesosweep.report.training import Run, training_document, training_view

    runs = [
        Run(lineage.seed, lineage.state, str(lineage.error) if lineage.error else None)
        for lineage in lineages
    ]
    is_gate = all(isinstance(each.error, GateNotPassed) for each in lineages if each.error)
    if any(isinstance(each.error, UsageError) for each in lineages):
        following = None  # the same words would fail in the same way
    else:
        following = _next(runs, come_back if not is_gate else f"{come_back} --on-gate-fail best")
    if as_json:
        print(
            json.dumps(training_document(runs, next_command=following), indent=2, allow_nan=False)
        )
    else:
        # What broke off for another reason than its score is said by itself, with what to do.
        told = [
            run if isinstance(each.error, StageError) else replace(run, fault=None)
            for run, each in zip(runs, lineages, strict=True)
        ]
        show(output(), training_view(told, next_command=following))


def _next(runs: Sequence[Run], come_back: str) -> str:
    from mesosweep.report.training import best_run, last_checkpoint

    best = best_run(runs)
    checkpoint = last_checkpoint(best) if best is not None else None
    if checkpoint is None or not any(run.is_done for run in runs):
        return f"{come_back}   # goes on all the same"
    return f"{shlex.join(['mesosweep', 'render', checkpoint])}   # the best of its last stage"
