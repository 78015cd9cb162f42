"""What the real service does where no page says so: a switch for each, so that we rely on none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args, get_origin, get_type_hints

from mesosweep.domain.errors import SettingsError

CancelledTrial: TypeAlias = Literal["INFEASIBLE", "SUCCEEDED", "STOPPING", "ACTIVE"]


@dataclass(frozen=True, slots=True)
class Undocumented:
    """One setting per open question; both `BELIEVED` and `OTHERWISE` must suit a client."""

    numbers: Literal["64", "64.0"] = "64.0"
    """How whole values of discrete and integer parameters are spelled in arguments."""
    arguments: Literal["--name=value", "--name value"] = "--name=value"
    """Whether a parameter is one argument or two."""
    fails_after: int | None = None
    """With `max_failed_trial_count` 0: so many failed trials fail the job. None: it fails at its
    end, and only where not one trial succeeded."""
    failed_with_metric: Literal["INFEASIBLE", "SUCCEEDED"] = "INFEASIBLE"
    """What becomes of a trial whose process failed after it had reported the metric."""
    cancelled_trial: CancelledTrial = "INFEASIBLE"
    """In what state a trial is left that was running when its job was cancelled or failed.
    SUCCEEDED keeps its last measurement; without one it is INFEASIBLE all the same."""
    cancelling_s: float = 0.0
    """How long, at least, a cancelled job stays CANCELLING."""
    cancel_of_ended: Literal["OK", "FAILED_PRECONDITION"] = "OK"
    """What cancelling a job that has ended is answered with."""
    study_stopping: bool = True
    """Whether tuning jobs honour `study_stopping_config`."""
    restarts_unasked: bool = True
    """Whether a preempted trial is restarted without `restart_job_on_worker_restart`."""
    max_restarts: int = 6
    """How often one trial is restarted; the pages say so of prediction only."""
    timed_out: Literal["EXPIRED", "FAILED", "CANCELLED"] = "FAILED"
    """The state of a custom job that reached its timeout."""
    project_numbers: bool = True
    """Whether resource names are returned with the project's number instead of its id."""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            if not _suits(value := getattr(self, name), kind):
                raise SettingsError(
                    f"undocumented: {name}: {_told(kind)} is expected (got {json.dumps(value)})."
                )


def _suits(value: object, kind: object) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if value is None:
        return type(None) in get_args(kind)
    if kind is float:
        return isinstance(value, int | float) and 0 <= value < float("inf")
    return isinstance(value, int) and value >= 0


def _told(kind: object) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(json.dumps, get_args(kind)))}"
    if kind is bool:
        return "true or false"
    return "a number from 0" if kind is float else "a whole number from 0"


BELIEVED = Undocumented()
OTHERWISE = Undocumented(
    numbers="64",
    arguments="--name value",
    fails_after=1,
    failed_with_metric="SUCCEEDED",
    cancelled_trial="SUCCEEDED",
    cancelling_s=45.0,
    cancel_of_ended="FAILED_PRECONDITION",
    study_stopping=False,
    restarts_unasked=False,
    max_restarts=1,
    timed_out="EXPIRED",
    project_numbers=False,
)
"""Every switch the other way round."""
