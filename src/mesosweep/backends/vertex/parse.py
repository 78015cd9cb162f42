"""From the service's messages to our trials: re-typed by our own space, judged by what is there.

Messages are plain data in the API's JSON form, as `client` returns them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from mesosweep.backends.vertex.request import METRIC
from mesosweep.domain.space import Assignment, SearchSpace, Value
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial, TrialStatus

Message: TypeAlias = Mapping[str, Any]
Phase: TypeAlias = Literal["going", "cancelling", "succeeded", "failed", "cancelled"]

_PHASES: Mapping[str, Phase] = {
    "JOB_STATE_CANCELLING": "cancelling",
    "JOB_STATE_SUCCEEDED": "succeeded",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "succeeded",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
}
_ENDINGS: Mapping[str, str] = {
    "JOB_STATE_FAILED": "the job failed",
    "JOB_STATE_EXPIRED": "the job took too long",
    "JOB_STATE_CANCELLED": "the job was cancelled",
}
_DONE = ("SUCCEEDED", "INFEASIBLE")


def phase_of(job: Message) -> Phase:
    """Return where a job stands. What is queued, paused, updating or not known here goes on."""
    return _PHASES.get(str(job.get("state")), "going")


def has_ended(job: Message) -> bool:
    return phase_of(job) not in ("going", "cancelling")


def reason_of(job: Message) -> str:
    """Return how a job ended and what the service says of it, in one line."""
    how = _ENDINGS.get(str(job.get("state")), "the job ended")
    told = _line(job.get("error", {}).get("message"))
    return how if told.casefold() in how else f"{how}: {told}"


def trials_of(job: Message, study: Study, *, attempt: int) -> tuple[Trial, ...]:
    """Return the trials of one job of a study, in the order of their ids.

    What the service knows is what it was told: parameters, the metric and the step that
    it was reported at. Scores and checkpoints are in the trial's own record.
    """
    over = reason_of(job) if phase_of(job) in ("failed", "cancelled") else None
    found = [_trial(m, study, attempt=attempt, over=over) for m in job.get("trials", ())]
    return tuple(sorted(found, key=lambda trial: _order(trial.trial_id)))


def is_done(message: Message) -> bool:
    """Whether the service is finished with a trial: nothing about it will change."""
    return message.get("state") in _DONE


def machine_s(job: Message, *, now: datetime) -> float:
    """Return the seconds of machines that a job's trials took so far, side by side added up.

    From each trial's own start to its end: what was waited for a machine is not in it.
    """
    total = 0.0
    for trial in job.get("trials", ()):
        if (begun := _moment(trial.get("startTime"))) is None:
            continue
        ended = _moment(trial.get("endTime")) or _moment(job.get("endTime")) or now
        total += max((ended - begun).total_seconds(), 0.0)
    return total


def typed(space: SearchSpace, parameters: Mapping[str, Any]) -> Assignment:
    """Return values as our space has them: the service's 128.0 is our 128.

    A value that the space does not hold stays as it came; so does a parameter that is not in it.
    """
    return {name: _typed(space, name, value) for name, value in parameters.items()}


def _typed(space: SearchSpace, name: str, value: Any) -> Value:
    told: Value = value if isinstance(value, bool | int | float | str) else str(value)
    if name not in space:
        return told
    try:
        return space[name].parse(told if isinstance(told, str) else repr(told))
    except ValueError:
        return told


def _trial(message: Message, study: Study, *, attempt: int, over: str | None) -> Trial:
    given = {p["parameterId"]: p.get("value") for p in message.get("parameters", ())}
    value, step = _measured(message)
    status, reason = _ending(message, value=value, step=step, study=study, over=over)
    return Trial(
        trial_id=str(message.get("id", "")),
        attempt=attempt,
        status=status,
        assignment=typed(study.space, given),
        origin="service",
        best_mean_reward=value if value is not None and math.isfinite(value) else None,
        steps_asked=study.settings.timesteps,
        steps_trained=step if status != "running" else None,
        duration_s=_duration_s(message),
        reason=reason,
    )


def _ending(
    message: Message, *, value: float | None, step: int | None, study: Study, over: str | None
) -> tuple[TrialStatus, str | None]:
    """Return how a trial stands; `over` says why its job ended, if not by succeeding."""
    if not is_done(message):
        # A job that has ended leaves nobody running, whatever its trials are called.
        return ("running", None) if over is None else ("failed", f"interrupted: {over}")
    if message.get("state") == "INFEASIBLE" or value is None:
        told = _line(message.get("infeasibleReason"))
        if over is not None and not told:
            told = f"interrupted: {over}"
        return "failed", told or f"Vertex AI has no {METRIC} of it and says no reason"
    if not math.isfinite(value):
        return "diverged", f"{METRIC} is {value}"
    if step is None or step >= study.settings.timesteps:
        return "finished", None
    if over is not None:
        return "failed", f"interrupted at step {step:,}: {over}"
    return "stopped", f"stopped early by Vertex AI at step {step:,}"


def _measured(message: Message) -> tuple[float | None, int | None]:
    """Return the metric that counts and its step; None where they are missing."""
    final = message.get("finalMeasurement") or {}
    values = [m.get("value", 0.0) for m in final.get("metrics", ()) if m.get("metricId") == METRIC]
    # JSON has words for what is not finite; int64 comes as text, and 0 is left out.
    value = float(values[0]) if values else None
    step = int(final["stepCount"]) if "stepCount" in final else None
    return value, step


def _duration_s(message: Message) -> float | None:
    begun, ended = _moment(message.get("startTime")), _moment(message.get("endTime"))
    return None if begun is None or ended is None else (ended - begun).total_seconds()


def _line(text: object) -> str:
    """Return a message in one line and without its full stop, to go on from."""
    return " ".join(str(text or "").split()).rstrip(".")


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _order(trial_id: str) -> tuple[int, str]:
    return (int(trial_id), "") if trial_id.isdigit() else (1 << 62, trial_id)
