"""What a user may say on the command line, before anything is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flags:
    """The command line as it was typed; None (or empty) means that nothing was said."""

    species: str | None = None
    algorithm: str | None = None
    backend: str | None = None
    stage: int | None = None
    """The one stage of `launch` and `trial`."""
    trials: int | None = None
    trials_stage: Mapping[int, int] = field(default_factory=dict)
    """Stage number → `--trials-stageN`; beats `trials`."""
    parallel: int | None = None
    parallel_stage: Mapping[int, int] = field(default_factory=dict)
    timesteps: int | None = None
    timesteps_stage: Mapping[int, int] = field(default_factory=dict)
    n_envs: int | None = None
    seed: int | None = None
    eval_freq: int | None = None
    eval_episodes: int | None = None
    panel_episodes: int | None = None
    test_episodes: int | None = None
    save_freq: int | None = None
    search_space: str | None = None
    """JSON text, the same for all stages; beats the file's parameters."""
    search_space_file: str | None = None
    overrides: tuple[str, ...] = ()
    """`section.key=value` or `N.section.key=value`."""
    stage_dir: str | None = None
    """Folder of stage files that stand in for the species' own."""
    output_dir: str | None = None
    load: str | None = None
    """Policy zip that the first stage starts from."""
    resume: bool | None = None
    no_default_trial: bool | None = None
    enqueue: str | None = None
    """JSON file of known points to try first."""
    sampler: str | None = None
    early_stopping: str | None = None
    """Whether trials without a chance are ended, and by which rule; wherever they run."""
    select_by: str | None = None
    on_gate_fail: str | None = None
    handoff: str | None = None
    trial_timeout_s: float | None = None
    trackers: tuple[str, ...] = ()
    device: str | None = None
    trust: bool | None = None
    project: str | None = None
    """Like all that follow, for a backend that runs trials elsewhere."""
    image: str | None = None
    bucket: str | None = None
    """`BUCKET`, or `gs://BUCKET/folder`; the sweep lies below it."""
    location: str | None = None
    machine_type: str | None = None
    accelerator_type: str | None = None
    accelerator_count: int | None = None
    spot: bool | None = None
    service_account: str | None = None
    network: str | None = None
    labels: tuple[str, ...] = ()
    """`key=value`."""
    max_failed_trials: int | None = None
    any_machine: bool | None = None
    api_endpoint: str | None = None
    max_cost: float | None = None
    """US dollars."""
    price_file: str | None = None
