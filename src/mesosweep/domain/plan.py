"""Everything that is decided before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from mesosweep.domain.score import Gate
from mesosweep.domain.space import Assignment, SearchSpace
from mesosweep.domain.stopping import EarlyStopping, Stopping
from mesosweep.domain.study import SelectBy, Study, TrialSettings
from mesosweep.domain.trial import Checkpoint, CheckpointKind

OnGateFail: TypeAlias = Literal["best", "stop"]


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage as it will be searched, but for the checkpoint that it starts from."""

    number: int
    name: str
    space: SearchSpace
    trials: int
    parallel: int
    settings: TrialSettings
    gate: Gate
    overrides: tuple[str, ...] = ()
    default: Assignment | None = None
    enqueued: tuple[Assignment, ...] = ()
    warm_starts: bool = False
    """Whether a checkpoint is handed in, so that warm-up and ramp apply."""
    passes: int = 0
    """So many evaluations in a row must pass the gate, up to the checkpoint that is handed on."""
    grace_steps: int = 0
    """The longest warm-up and ramp together that a trial may have; none is stopped before."""


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A whole sweep: frozen, printable, fingerprinted."""

    species: str
    algorithm: str
    backend: str
    root: str
    """`DIR/sweeps/<species>/<algorithm>`: stages and state lie below it."""
    sweep_key: str
    """File stem of the state."""
    stages: tuple[StagePlan, ...]
    comparables: Mapping[str, Any]
    """What makes trials comparable, JSON-able; the fingerprint is its digest."""
    carried: frozenset[str] = frozenset()
    """Swept names that a checkpoint fixes for later stages, e.g. `ppo_net_arch`."""
    load: Checkpoint | None = None
    """Where the first stage starts from, if not from scratch."""
    first_attempt: int = 0
    """An attempt that no stage folder has used yet; what a fresh sweep takes."""
    resume: bool = True
    select_by: SelectBy = "panel_mean_reward"
    handoff: CheckpointKind = "best"
    on_gate_fail: OnGateFail = "best"
    sampler: str = "tpe"
    early_stopping: EarlyStopping = "none"
    """By which rule this machine ends trials; a service that does so itself is told in `job`."""
    stage_dir: str | None = None
    trial_timeout_s: float | None = None
    trackers: tuple[str, ...] = ()
    device: str = "cpu"
    trust: bool = False
    job: Mapping[str, Any] = field(default_factory=dict)
    """What the backend itself is told, by the names of its flags: machine, project, … It alone
    understands them, and nothing of it changes what a trial computes."""
    mirror: str | None = None
    """Where a sweep whose root is elsewhere keeps its copy on this machine."""
    max_cost_usd: float | None = None
    """The sweep ends before it costs more."""
    price_file: str | None = None
    """Prices that take the place of the package's own."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: aliases applied, values clamped, parameters dropped."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Setting → where its value came from: flag, environment, file, species, default."""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.comparables)

    @property
    def here(self) -> str:
        """The sweep's folder on this machine: its root, or the copy of it."""
        return self.mirror or self.root

    def study(
        self, stage: StagePlan, *, attempt: int, load: Checkpoint | None, fixed: Assignment
    ) -> Study:
        """Return the study of a stage, started from the previous winner."""
        suffix = f"_a{attempt}" if attempt else ""
        short = self.fingerprint[:6]
        default = stage.default
        if default is not None:
            default = {name: value for name, value in default.items() if name not in fixed}
        return Study(
            key=f"{self.species}-{self.algorithm}-{short}-s{stage.number}-a{attempt}",
            species=self.species,
            algorithm=self.algorithm,
            stage=stage.number,
            stage_name=stage.name,
            attempt=attempt,
            folder=f"{self.root}/stage{stage.number}{suffix}",
            space=stage.space.without(set(fixed)),
            trials=stage.trials,
            parallel=stage.parallel,
            settings=stage.settings,
            gate=stage.gate,
            passes=stage.passes,
            load=load,
            fixed=fixed,
            default=default,
            enqueued=stage.enqueued,
            overrides=stage.overrides,
            stage_dir=self.stage_dir,
            sampler=self.sampler,
            stopping=self.stopping(stage),
            select_by=self.select_by,
            handoff=self.handoff,
            trial_timeout_s=self.trial_timeout_s,
            trackers=self.trackers,
            device=self.device,
            trust=self.trust,
        )

    def stopping(self, stage: StagePlan) -> Stopping | None:
        """Return how this machine tells the hopeless trials of a stage; None lets all finish."""
        if self.early_stopping == "none":
            return None
        return Stopping(
            self.early_stopping,
            timesteps=stage.settings.timesteps,
            grace_steps=stage.grace_steps,
        )


def fingerprint(comparables: Mapping[str, Any]) -> str:
    """Return the digest of a JSON-able mapping; equal content, equal digest."""
    text = json.dumps(comparables, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(ours: Any, theirs: Any, *, where: str = "") -> tuple[str, ...]:
    """Name every place in which two JSON-able values differ, as `path: theirs → ours`."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        found: list[str] = []
        for key in sorted({*ours, *theirs}):
            path = f"{where}.{key}" if where else str(key)
            if key not in theirs:
                found.append(f"{path}: absent → {_short(ours[key])}")
            elif key not in ours:
                found.append(f"{path}: {_short(theirs[key])} → absent")
            else:
                found.extend(differences(ours[key], theirs[key], where=path))
        return tuple(found)
    return () if ours == theirs else (f"{where}: {_short(theirs)} → {_short(ours)}",)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
