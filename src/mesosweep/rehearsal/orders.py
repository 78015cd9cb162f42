"""What a client asked for, free of its wire format: containers, studies and tuning jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal, TypeAlias

from mesosweep.domain.space import Parameter

Value: TypeAlias = float | str
"""A parameter's value as the service keeps it: numbers are floats, whatever their kind."""
Chosen: TypeAlias = Mapping[str, Value]
Algorithm: TypeAlias = Literal["default", "grid", "random"]
DAY_S = 86_400.0


class JobState(Enum):
    """States of a job; names are those of the API without `JOB_STATE_`."""

    QUEUED = "queued"
    PENDING = "pending"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_end(self) -> bool:
        return self in _ENDS


_ENDS = frozenset((JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED))


class TrialState(Enum):
    """States of a trial, named as in the API; INFEASIBLE is what failure is called there."""

    ACTIVE = "active"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    INFEASIBLE = "infeasible"

    @property
    def is_end(self) -> bool:
        return self in (TrialState.SUCCEEDED, TrialState.INFEASIBLE)


@dataclass(frozen=True, slots=True)
class Container:
    """What is to be executed. Without `command` it is the image's own entry point."""

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One container on one machine: a custom job, or what backs one trial."""

    container: Container
    base_output: str | None = None
    """`gs://…`, without a slash at its end."""
    timeout_s: float = 7 * DAY_S
    restart_on_worker_restart: bool = False
    disable_retries: bool = False
    takes: Mapping[str, int] = field(default_factory=dict)
    """Meter of the quota → how much of it the machine takes."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    maximise: bool = True


@dataclass(frozen=True, slots=True)
class Searched:
    """One parameter of a study, and those that exist only under some of its values."""

    name: str
    values: Parameter
    reverse: bool = False
    """Scaled logarithmically from the top (UNIT_REVERSE_LOG_SCALE)."""
    under: tuple[tuple[frozenset[Value], Searched], ...] = ()
    """(values of this parameter, the parameter that exists under them)."""


@dataclass(frozen=True, slots=True)
class StudyStopping:
    """When a study ends before its last trial. None: that condition was not asked for."""

    asap: bool = False
    """Interrupt running trials as well."""
    min_trials: int | None = None
    """No condition ends the study before so many trials are done."""
    max_trials: int | None = None
    trials_no_progress: int | None = None
    """So many trials done in a row without a better one."""
    no_progress_s: float | None = None
    min_runtime_s: float | None = None
    min_runtime_until: datetime | None = None
    max_runtime_s: float | None = None
    max_runtime_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """What is searched and what counts; the first metric is the one that decides."""

    metrics: tuple[Metric, ...]
    parameters: tuple[Searched, ...]
    algorithm: Algorithm = "default"
    best_measurement: bool = False
    """A trial's final measurement is its best instead of its last."""
    median_stopping: Literal["steps", "elapsed"] | None = None
    stopping: StudyStopping | None = None

    @property
    def metric(self) -> Metric:
        return self.metrics[0]


@dataclass(frozen=True, slots=True)
class TuningOrder:
    """A hyperparameter-tuning job."""

    study: Study
    run: RunOrder
    max_trials: int
    parallel: int
    max_failed: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a trial had reached at a step; `elapsed_s` counts from the trial's first start."""

    step: int
    elapsed_s: float
    metrics: Mapping[str, float]
