"""The search on one stage: what is asked of a backend, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mesosweep.domain.score import Gate
from mesosweep.domain.space import Assignment, SearchSpace, Value
from mesosweep.domain.stopping import Stopping
from mesosweep.domain.trial import Checkpoint, CheckpointKind, Trial

SelectBy: TypeAlias = Literal["panel_mean_reward", "best_mean_reward"]
JobState: TypeAlias = Literal["running", "succeeded", "incomplete", "failed", "cancelled"]
"""`incomplete`: all that was asked for is done, and by now more is wanted."""


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """What every trial of a study has in common; two trials are comparable when it is equal."""

    timesteps: int
    n_envs: int
    eval_freq: int = 10_000
    eval_episodes: int = 10
    panel_episodes: int = 30
    test_episodes: int = 100
    save_freq: int = 50_000
    seed: int = 42
    """The sweep's seed; each trial's own is derived from it."""


@dataclass(frozen=True, slots=True)
class Study:
    """One stage's search, complete: nothing below looks anything up."""

    key: str
    """E.g. `velociraptor-ppo-3f9c2a-s1-a0`: names, plan fingerprint, stage, attempt."""
    species: str
    algorithm: str
    stage: int
    stage_name: str
    attempt: int
    folder: str
    """Where trial folders lie: `…/stage<N>` or `…/stage<N>_a<k>`; see also `folder_of`."""
    space: SearchSpace
    trials: int
    """Total wanted, finished ones included."""
    parallel: int
    settings: TrialSettings
    gate: Gate = field(default_factory=Gate)
    passes: int = 0
    """So many evaluations in a row must pass the gate, up to the checkpoint that is handed on."""
    load: Checkpoint | None = None
    """The previous winner's bundle, to start from."""
    fixed: Assignment = field(default_factory=dict)
    """Parameters that `load` fixes, e.g. `ppo_net_arch`."""
    default: Assignment | None = None
    """The species' own values of the swept parameters, to try as trial 0."""
    enqueued: tuple[Assignment, ...] = ()
    """Known points to try before the sampler is asked."""
    overrides: tuple[str, ...] = ()
    """`section.key=value`, already narrowed to this stage."""
    stage_dir: str | None = None
    sampler: str = "tpe"
    stopping: Stopping | None = None
    """How trials without a chance are told, where this machine ends them; None lets all finish."""
    select_by: SelectBy = "panel_mean_reward"
    handoff: CheckpointKind = "best"
    trial_timeout_s: float | None = None
    trackers: tuple[str, ...] = ()
    device: str = "cpu"
    trust: bool = False
    max_repeated_failures: int = 3
    """So many identical failures in a row stop the stage."""

    def folder_of(self, attempt: int) -> str:
        """Return where trial folders of an attempt lie.

        A study that was sent again, for what a lost job left undone, writes into a folder of
        its own each time: nothing is ever written into an older attempt.
        """
        if attempt == self.attempt:
            return self.folder
        root = self.folder.rpartition("/")[0]
        return f"{root}/stage{self.stage}" + (f"_a{attempt}" if attempt else "")


def trial_arguments(study: Study, assignment: Assignment) -> tuple[str, ...]:
    """Return the argv of `mesosweep` that runs one trial of the study.

    The same words run a trial in a local process, in a container and by hand.
    Swept parameters come last, as `--name=value`, as a tuning service injects them.
    """
    settings = study.settings
    argv = [
        "trial",
        f"--species={study.species}",
        f"--stage={study.stage}",
        f"--algorithm={study.algorithm}",
        f"--timesteps={settings.timesteps}",
        f"--n-envs={settings.n_envs}",
        f"--eval-freq={settings.eval_freq}",
        f"--eval-episodes={settings.eval_episodes}",
        f"--panel-episodes={settings.panel_episodes}",
        f"--save-freq={settings.save_freq}",
        f"--seed={settings.seed}",
        f"--attempt={study.attempt}",
        f"--device={study.device}",
    ]
    if study.passes:
        argv += [f"--passes={study.passes}", f"--handoff={study.handoff}"]
    if study.load is not None:
        argv.append(f"--load={study.load.uri}")
    if study.stage_dir is not None:
        argv.append(f"--stage-dir={study.stage_dir}")
    if study.trust:
        argv.append("--trust")
    argv += [f"--tracker={name}" for name in study.trackers]
    argv += [f"--override={text}" for text in study.overrides]
    argv += [f"--{name}={told(value)}" for name, value in {**study.fixed, **assignment}.items()]
    return tuple(argv)


def told(value: Value) -> str:
    """Write a value so that parsing it back gives the same value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class JobRef:
    """How a backend calls the study it is running."""

    backend: str
    name: str
    """Resource name or folder; meaningful to the backend only."""
    url: str | None = None
    """Where a person can watch it."""
    note: str | None = field(default=None, compare=False)
    """What is worth saying of it when it is submitted or found; never saved."""


@dataclass(frozen=True, slots=True)
class StudySnapshot:
    """A study at one moment, whole."""

    state: JobState
    trials: tuple[Trial, ...]
    message: str | None = None
    """Why it failed, in the backend's words."""
    notes: Mapping[str, str] = field(default_factory=dict)
