"""From what was said to the plan of one production run: every stage trained once, nothing searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import OnGateFail, StagePlan, SweepPlan
from mesosweep.domain.score import Gate, lower_bound
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.study import TrialSettings
from mesosweep.domain.trial import CheckpointKind
from mesosweep.plugins import Registry
from mesosweep.settings.comparables import comparables_of
from mesosweep.settings.desk import Desk
from mesosweep.settings.flags import Flags
from mesosweep.settings.overrides import narrow
from mesosweep.settings.plan import checkpoint_named
from mesosweep.settings.trial import overlaid, resolve_trial

_EVALUATIONS, _LEAST_STEPS, _EPISODES = 50, 10_000, 20
"""Unless somebody says otherwise: so many evaluations over a stage, no more often than every so
many steps, of so many episodes each. Long runs want fewer and surer looks than a search."""


def plan_production(
    flags: Flags,
    *,
    registry: Registry,
    environ: Mapping[str, str],
    passes: int,
    seed: int | None = None,
) -> SweepPlan:
    """Plan the whole curriculum from one training seed, each stage from the last one's checkpoint.

    A stage is passed when its gate is: by the panel, and by `passes` evaluations in a row up to
    the checkpoint that is handed on. Where one is not, the run stops unless --on-gate-fail says otherwise.

    Raises:
        SettingsError: something said is unknown, malformed or impossible.
        PluginError: a plugin that was named is not there.
    """
    desk = Desk.open(flags if seed is None else replace(flags, seed=seed), registry, environ)
    ask = desk.sources
    load = checkpoint_named(flags.load) if flags.load else None
    handoff = cast("CheckpointKind", ask.one_of("handoff", get_args(CheckpointKind)))
    stages = [
        _stage(desk, stage.number, warm_starts=load is not None or place > 0, passes=passes)
        for place, stage in enumerate(desk.vocabulary.curriculum.stages)
    ]
    number = stages[0].settings.seed
    home = folder_of(ask.word("output_dir", ".") or ".", desk.species, desk.algorithm)
    return SweepPlan(
        species=desk.species,
        algorithm=desk.algorithm,
        backend="local",
        root=str(home / f"seed{number}"),
        sweep_key=f"sweep_state_{desk.species}_{desk.algorithm}",
        stages=tuple(stages),
        comparables={
            **comparables_of(desk, stages, load=load, handoff=handoff),
            "passes": passes,
        },
        load=load,
        resume=ask.truth("resume", default=True),
        handoff=handoff,
        on_gate_fail=cast("OnGateFail", ask.one_of("on_gate_fail", ("stop", "best"))),
        sampler="random",
        stage_dir=desk.stage_dir,
        trial_timeout_s=ask.amount("trial_timeout_s", "seconds"),
        trackers=desk.trackers(),
        device=ask.word("device", "cpu") or "cpu",
        trust=ask.truth("trust", default=False),
        notes=tuple(dict.fromkeys(desk.notes)),
        origins=dict(ask.origins),
    )


def folder_of(output_dir: str, species: str, algorithm: str) -> Path:
    """Return the folder of all production runs of a species and an algorithm."""
    if output_dir.startswith("gs://"):
        raise SettingsError(
            f"--output-dir {output_dir}: a production run writes into a folder of this machine."
        )
    return Path(output_dir) / "train" / species / algorithm


def _stage(desk: Desk, number: int, *, warm_starts: bool, passes: int) -> StagePlan:
    stage = overlaid(desk.vocabulary, number, desk.overrides)
    settings = _settings(desk, stage)
    overrides = narrow(desk.overrides, number)
    # What the worker will make of it, so that nothing impossible begins.
    resolved = resolve_trial(
        desk.vocabulary,
        stage=number,
        timesteps=settings.timesteps,
        n_envs=settings.n_envs,
        overrides=overrides,
    )
    if warm_starts:
        desk.notes += [f"stage{number}: {note}" for note in resolved.notes]
    _check_passes(number, stage.gate, settings, passes)
    return StagePlan(
        number=number,
        name=stage.name,
        space=SearchSpace({}),
        trials=1,
        parallel=1,
        settings=settings,
        gate=stage.gate,
        passes=passes,
        overrides=overrides,
        enqueued=({},),
        warm_starts=warm_starts,
    )


def _settings(desk: Desk, stage: Stage) -> TrialSettings:
    settings, number = desk.trial_settings(stage), stage.number
    if desk.sources.given("eval_freq", number) is None:
        every = max(_LEAST_STEPS, settings.timesteps // _EVALUATIONS)
        settings = replace(settings, eval_freq=every)
    if desk.sources.given("eval_episodes", number) is None:
        settings = replace(settings, eval_episodes=_EPISODES)
    return settings


def _check_passes(number: int, gate: Gate, settings: TrialSettings, passes: int) -> None:
    """Raise SettingsError where a gate cannot be passed, however good the policy is."""
    count = -(-settings.timesteps // settings.eval_freq)
    if gate != Gate() and count < passes:
        raise SettingsError(
            f"stage{number}: {settings.timesteps:,} steps, evaluated every {settings.eval_freq:,}, "
            f"give {count} evaluation{'' if count == 1 else 's'}; --passes {passes} in a row "
            "cannot be reached.",
            hint="Lower --passes or --eval-freq, or train longer.",
        )
    for name, episodes in (
        ("eval_episodes", settings.eval_episodes if passes else None),
        ("panel_episodes", settings.panel_episodes),
    ):
        if episodes is None or gate.min_success_rate is None:
            continue
        if (most := lower_bound(1.0, episodes)) < gate.min_success_rate:
            raise SettingsError(
                f"stage{number}: {name} {episodes}: even with every one a success the gate of "
                f"{gate.min_success_rate:g} is missed; the 95 % lower bound is {most:.2f} then.",
                hint=f"Raise --{name.replace('_', '-')}.",
            )
