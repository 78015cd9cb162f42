"""Google's messages, written: jobs as a client gets and lists them, and errors with their details."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias, TypeVar

from google.cloud import aiplatform_v1 as v1
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from google.rpc import error_details_pb2, status_pb2

from mesosweep.rehearsal.jobs import Job
from mesosweep.rehearsal.orders import Measurement, TrialState, Value
from mesosweep.rehearsal.refusal import NUMBERS, Refusal
from mesosweep.rehearsal.tuned import Trial
from mesosweep.rehearsal.tuning import Tuning

DOMAIN = "aiplatform.googleapis.com"
Stated = TypeVar("Stated", v1.HyperparameterTuningJob, v1.CustomJob)
Detail: TypeAlias = (
    error_details_pb2.ErrorInfo | error_details_pb2.QuotaFailure | error_details_pb2.BadRequest
)


def tuning_message(job: Job, *, with_trials: bool = True) -> v1.HyperparameterTuningJob:
    """Return a tuning job as `get` shows it; listings leave its trials out."""
    work = job.work
    assert isinstance(work, Tuning)
    assert isinstance(job.head.request, v1.HyperparameterTuningJob)
    message = v1.HyperparameterTuningJob(job.head.request)
    if with_trials:
        message.trials = [_trial(job, trial) for trial in work.trials]
    return _stated(message, job)


def custom_message(job: Job) -> v1.CustomJob:
    """Return a custom job, or the one behind a trial, as `get` shows it."""
    if job.trial_of is None:
        assert isinstance(job.head.request, v1.CustomJob)
        return _stated(v1.CustomJob(job.head.request), job)
    assert isinstance(job.head.request, v1.HyperparameterTuningJob)
    spec = v1.CustomJobSpec(job.head.request.trial_job_spec)
    return _stated(v1.CustomJob(display_name=job.head.display_name, job_spec=spec), job)


def deleted(job: Job) -> operations_pb2.Operation:
    """Return the operation of a deletion, which is done at once."""
    nothing = any_pb2.Any()
    nothing.Pack(empty_pb2.Empty())
    return operations_pb2.Operation(
        name=f"{job.parent}/operations/{job.job_id}", done=True, response=nothing
    )


def status_message(refusal: Refusal) -> status_pb2.Status:
    """Return an error with its details, as both gRPC and REST carry it."""
    status = status_pb2.Status(code=NUMBERS[refusal.code], message=refusal.message)
    for detail in _details(refusal):
        status.details.add().Pack(detail)
    return status


def _stated(message: Stated, job: Job) -> Stated:
    """Set what only the service may set."""
    work = job.work
    message.name = job.name
    message.state = getattr(v1.JobState, f"JOB_STATE_{work.state.name}")
    message.create_time = work.create_time
    message.update_time = work.update_time
    if work.start_time is not None:
        message.start_time = work.start_time
    if work.end_time is not None:
        message.end_time = work.end_time
    if work.error is not None:
        error = work.error
        message.error = status_pb2.Status(code=NUMBERS[error.code], message=error.message)
    return message


def _trial(job: Job, trial: Trial) -> v1.Trial:
    message = v1.Trial(
        name=f"{job.parent}/studies/{job.job_id}/trials/{trial.trial_id}",
        id=trial.trial_id,
        state=getattr(v1.Trial.State, trial.state.name),
        parameters=[
            v1.Trial.Parameter(parameter_id=name, value=_value(value))
            for name, value in trial.chosen.items()
        ],
        measurements=[_measurement(measurement) for measurement in trial.run.reports],
        start_time=trial.start_time,
        custom_job=f"{job.parent}/customJobs/{trial.run.run_id}",
    )
    if trial.end_time is not None:
        message.end_time = trial.end_time
    if trial.final is not None:
        message.final_measurement = _measurement(trial.final)
    if trial.state is TrialState.INFEASIBLE:
        message.infeasible_reason = trial.reason
    return message


def _value(value: Value) -> struct_pb2.Value:
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    return struct_pb2.Value(number_value=value)


def _measurement(measurement: Measurement) -> v1.Measurement:
    return v1.Measurement(
        step_count=measurement.step,
        elapsed_duration=timedelta(seconds=measurement.elapsed_s),
        metrics=[
            v1.Measurement.Metric(metric_id=name, value=value)
            for name, value in measurement.metrics.items()
        ],
    )


def _details(refusal: Refusal) -> list[Detail]:
    """Return the standard details of an error: always its reason, and what was violated."""
    details: list[Detail] = [
        error_details_pb2.ErrorInfo(reason=refusal.code, domain=DOMAIN),
    ]
    if refusal.violations and refusal.code == "RESOURCE_EXHAUSTED":
        quota = error_details_pb2.QuotaFailure()
        for violation in refusal.violations:
            quota.violations.add(subject=violation.subject, description=violation.description)
        details.append(quota)
    elif refusal.violations:
        fields = error_details_pb2.BadRequest()
        for violation in refusal.violations:
            fields.field_violations.add(field=violation.subject, description=violation.description)
        details.append(fields)
    return details
