"""From everything that was said to a plan: frozen, printable, fingerprinted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import OnGateFail, StagePlan, SweepPlan
from mesosweep.domain.study import SelectBy
from mesosweep.domain.trial import Checkpoint, CheckpointKind
from mesosweep.plugins import SAMPLERS, Registry
from mesosweep.settings.comparables import comparables_of
from mesosweep.settings.desk import Desk
from mesosweep.settings.flags import Flags
from mesosweep.settings.job import (
    LOCAL,
    bucket_root,
    chosen_backend,
    early_stopping,
    job_settings,
)
from mesosweep.settings.searched import searched
from mesosweep.settings.sources import FLAG
from mesosweep.settings.trial import overlaid


def plan_sweep(
    flags: Flags,
    *,
    registry: Registry,
    environ: Mapping[str, str],
    first_attempt: int = 0,
    cores: int | None = None,
) -> SweepPlan:
    """Plan all stages of a species, one after the other.

    `cores` is how many trials run side by side without slowing each other down;
    None counts those of this machine.

    Raises:
        SettingsError: something said is unknown, malformed or impossible.
        PluginError: a plugin that was named is not there.
    """
    desk = Desk.open(flags, registry, environ)
    numbers = tuple(stage.number for stage in desk.vocabulary.curriculum.stages)
    return _plan(desk, numbers, first_attempt=first_attempt, cores=cores)


def plan_launch(
    flags: Flags,
    *,
    registry: Registry,
    environ: Mapping[str, str],
    first_attempt: int = 0,
    cores: int | None = None,
) -> SweepPlan:
    """Plan the one stage `flags.stage` (1 when nothing is said): a sweep of its own.

    Raises as `plan_sweep` does.
    """
    desk = Desk.open(flags, registry, environ)
    number = _one_stage(desk)
    return _plan(
        desk, (number,), first_attempt=first_attempt, cores=cores, suffix=f"_stage{number}"
    )


def _one_stage(desk: Desk) -> int:
    number = 1 if desk.flags.stage is None else desk.flags.stage
    return overlaid(desk.vocabulary, number, ()).number


def _plan(
    desk: Desk, numbers: tuple[int, ...], *, first_attempt: int, cores: int | None, suffix: str = ""
) -> SweepPlan:
    ask = desk.sources
    backend = chosen_backend(desk)
    load = checkpoint_named(desk.flags.load) if desk.flags.load else None
    stages = [
        searched(desk, number, warm_starts=load is not None or place > 0)
        for place, number in enumerate(numbers)
    ]
    swept = {name for stage in stages for name in stage.space}
    if backend == LOCAL:
        stages = _one_per_core(desk, stages, cores or usable_cores())
    handoff = cast("CheckpointKind", ask.one_of("handoff", get_args(CheckpointKind)))
    place = _place(desk, backend)
    return SweepPlan(
        species=desk.species,
        algorithm=desk.algorithm,
        backend=backend,
        root=place[0],
        mirror=place[1],
        sweep_key=f"sweep_state_{desk.species}_{desk.algorithm}{suffix}",
        stages=tuple(stages),
        comparables=comparables_of(desk, stages, load=load, handoff=handoff),
        carried=desk.carried & swept,
        load=load,
        first_attempt=first_attempt,
        resume=ask.truth("resume", default=True),
        select_by=cast("SelectBy", ask.one_of("select_by", get_args(SelectBy))),
        handoff=handoff,
        on_gate_fail=cast("OnGateFail", ask.one_of("on_gate_fail", get_args(OnGateFail))),
        sampler=desk.named(SAMPLERS, "sampler", "tpe"),
        early_stopping=early_stopping(desk, backend) if backend == LOCAL else "none",
        stage_dir=desk.stage_dir,
        trial_timeout_s=ask.amount("trial_timeout_s", "seconds"),
        trackers=desk.trackers(),
        device=ask.word("device", "cpu") or "cpu",
        trust=ask.truth("trust", default=False),
        job={} if backend == LOCAL else job_settings(desk),
        max_cost_usd=None if backend == LOCAL else ask.amount("max_cost", "dollars"),
        price_file=None if backend == LOCAL else ask.word("price_file"),
        notes=tuple(dict.fromkeys(desk.notes)),
        origins=dict(ask.origins),
    )


def _place(desk: Desk, backend: str) -> tuple[str, str | None]:
    """Return the sweep's root, and the folder of its copy here where the root is elsewhere."""
    below = f"sweeps/{desk.species}/{desk.algorithm}"
    said = desk.sources.word("output_dir", ".") or "."
    bucket = None if backend == LOCAL else bucket_root(desk)
    if bucket is None and not said.startswith("gs://"):
        return _below(said, below), None
    if bucket is None:
        bucket, said = said, "."
    return _below(bucket, below), _below("." if said.startswith("gs://") else said, below)


def _one_per_core(desk: Desk, stages: list[StagePlan], cores: int) -> list[StagePlan]:
    """Cap what a file or nobody asked for; what the user typed is obeyed."""
    asked: dict[str, int] = {}
    capped = []
    for stage in stages:
        origin = desk.sources.origins[f"stage{stage.number}.parallel"]
        if origin == FLAG or origin.startswith("environment") or stage.parallel <= cores:
            capped.append(stage)
        else:
            asked[origin] = max(stage.parallel, asked.get(origin, 0))
            capped.append(replace(stage, parallel=cores))
    if asked:
        told = ", ".join(f"{number} by {origin}" for origin, number in asked.items())
        desk.notes.append(
            f"Up to {cores} trials run at a time, one per core (asked for: {told}); "
            "--parallel N is obeyed."
        )
    return capped


def checkpoint_named(path: str) -> Checkpoint:
    """Return the checkpoint that `--load` names: `…/<trial id>/models/<name>.zip`.

    It may lie in a bucket, and is not looked for there.

    Raises:
        SettingsError: no such file is on this machine.
    """
    is_remote = "://" in path or path.startswith("/gcs/")
    if not is_remote and not Path(path).is_file():
        raise SettingsError(f"--load {path}: no such file.", hint="Name the policy's zip file.")
    uri = path if is_remote else str(Path(path).absolute())
    parts = uri.split("/")
    kind: CheckpointKind = "final" if parts[-1].endswith("_final.zip") else "best"
    return Checkpoint(uri, kind, trial_id=parts[-3] if len(parts) >= 3 else "?")


def _below(output_dir: str, path: str) -> str:
    # Not by pathlib, which would take a slash out of gs://.
    if output_dir in (".", "./"):
        return path
    return f"{output_dir.rstrip('/')}/{path}"


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
