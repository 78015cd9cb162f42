"""Google's messages, read: what a request asks for, or why it cannot be had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

from google.cloud import aiplatform_v1 as v1

from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter, Scale
from mesosweep.rehearsal.meters import taken_by
from mesosweep.rehearsal.orders import (
    Algorithm,
    Container,
    Metric,
    RunOrder,
    Searched,
    Study,
    StudyStopping,
    TuningOrder,
    Value,
)
from mesosweep.rehearsal.refusal import Refusal, invalid
from mesosweep.rehearsal.searching import grid_problem

_KEY = re.compile(r"[\w-]{1,64}")
_SCALES = v1.StudySpec.ParameterSpec.ScaleType
_ALGORITHMS: Mapping[int, Algorithm] = {0: "default", 2: "grid", 3: "random"}
MAX_ENV = 100
MAX_NAME = 128
MAX_DISCRETE = 1_000


def tuning_order(job: v1.HyperparameterTuningJob) -> TuningOrder:
    """Return what the job asks for. Raises Refusal (INVALID_ARGUMENT) for what cannot be."""
    if job.max_trial_count < 1:
        raise invalid("max_trial_count", f"must be at least 1 (got {job.max_trial_count})")
    if job.parallel_trial_count < 1:
        raise invalid(
            "parallel_trial_count", f"must be at least 1 (got {job.parallel_trial_count})"
        )
    if job.max_failed_trial_count < 0:
        raise invalid("max_failed_trial_count", "must not be negative")
    return TuningOrder(
        _study(job.study_spec),
        run_order(job.trial_job_spec, field="trial_job_spec"),
        max_trials=job.max_trial_count,
        parallel=job.parallel_trial_count,
        max_failed=job.max_failed_trial_count,
    )


def run_order(spec: v1.CustomJobSpec, *, field: str) -> RunOrder:
    """Return what a custom job asks for; one container on one machine. Raises Refusal."""
    pools = [pool for pool in spec.worker_pool_specs if pool != v1.WorkerPoolSpec()]
    if not pools:
        raise invalid(f"{field}.worker_pool_specs", "is empty")
    if len(pools) > 1 or pools[0].replica_count > 1:
        raise Refusal("UNIMPLEMENTED", f"{field}: a rehearsal runs one replica of one worker pool.")
    if "container_spec" not in pools[0]:
        raise Refusal("UNIMPLEMENTED", f"{field}: a rehearsal runs container_spec only.")
    container = pools[0].container_spec
    if not container.image_uri:
        raise invalid(f"{field}.worker_pool_specs[0].container_spec.image_uri", "is empty")
    if not pools[0].machine_spec.machine_type:
        raise invalid(f"{field}.worker_pool_specs[0].machine_spec.machine_type", "is empty")
    if len(container.env) > MAX_ENV:
        raise invalid(
            f"{field}.worker_pool_specs[0].container_spec.env", "has more than 100 entries"
        )
    base = spec.base_output_directory.output_uri_prefix
    if base and not base.startswith("gs://"):
        raise invalid(f"{field}.base_output_directory", f"'{base}' is not gs://…")
    scheduling, machine = spec.scheduling, pools[0].machine_spec
    return RunOrder(
        Container(
            container.image_uri,
            tuple(container.command),
            tuple(container.args),
            {variable.name: variable.value for variable in container.env},
        ),
        base_output=base.rstrip("/") or None,
        timeout_s=scheduling.timeout.total_seconds() if scheduling.timeout else 7 * 86_400.0,
        restart_on_worker_restart=scheduling.restart_job_on_worker_restart,
        disable_retries=scheduling.disable_retries,
        takes=taken_by(
            machine.machine_type,
            machine.accelerator_type.name if machine.accelerator_type else "",
            machine.accelerator_count,
            is_spot=scheduling.strategy == v1.Scheduling.Strategy.SPOT,
        ),
    )


def check_head(display_name: str, labels: Mapping[str, str]) -> None:
    """Refuse a name or labels that the service would not take."""
    if not 1 <= len(display_name) <= MAX_NAME:
        raise invalid("display_name", f"must have 1 to {MAX_NAME} characters")
    for key, value in labels.items():
        for part in (key, value) if value else (key,):
            if not _KEY.fullmatch(part) or part != part.lower():
                raise invalid(
                    f"labels.{key}",
                    f"'{part}' may have 64 characters: lower-case letters, digits, '_' and '-'",
                )


def _study(spec: v1.StudySpec) -> Study:
    metrics = tuple(
        Metric(m.metric_id, m.goal != v1.StudySpec.MetricSpec.GoalType.MINIMIZE)
        for m in spec.metrics
    )
    _check_ids("study_spec.metrics", [metric.name for metric in metrics])
    parameters = _parameters(spec.parameters, "study_spec.parameters")
    algorithm = _ALGORITHMS[spec.algorithm]
    if algorithm == "grid" and (problem := grid_problem(parameters)):
        raise invalid("study_spec.algorithm", problem)
    stopping = spec.study_stopping_config if "study_stopping_config" in spec else None
    median = spec.median_automated_stopping_spec
    by_time = median.use_elapsed_duration
    return Study(
        metrics,
        parameters,
        algorithm,
        best_measurement=spec.measurement_selection_type
        == v1.StudySpec.MeasurementSelectionType.BEST_MEASUREMENT,
        median_stopping=("elapsed" if by_time else "steps")
        if "median_automated_stopping_spec" in spec
        else None,
        stopping=_stopping(stopping) if stopping is not None else None,
    )


def _parameters(specs: Iterable[v1.StudySpec.ParameterSpec], field: str) -> tuple[Searched, ...]:
    found = tuple(_parameter(spec, f"{field}[{place}]") for place, spec in enumerate(specs))
    _check_ids(field, [parameter.name for parameter in found])
    return found


def _parameter(spec: v1.StudySpec.ParameterSpec, field: str) -> Searched:
    try:
        values = _values(spec, field)
    except ValueError as cause:
        raise invalid(f"{field} ({spec.parameter_id})", str(cause)) from cause
    under = tuple(
        (_condition(child), _parameter(child.parameter_spec, f"{field}.conditional[{place}]"))
        for place, child in enumerate(spec.conditional_parameter_specs)
    )
    return Searched(
        spec.parameter_id,
        values,
        reverse=spec.scale_type == _SCALES.UNIT_REVERSE_LOG_SCALE,
        under=under,
    )


def _values(spec: v1.StudySpec.ParameterSpec, field: str) -> Parameter:
    logs = (_SCALES.UNIT_LOG_SCALE, _SCALES.UNIT_REVERSE_LOG_SCALE)
    scale: Scale = "log" if spec.scale_type in logs else "linear"
    if "double_value_spec" in spec:
        interval = spec.double_value_spec
        return Double(interval.min_value, interval.max_value, scale)
    if "integer_value_spec" in spec:
        whole = spec.integer_value_spec
        return Integer(whole.min_value, whole.max_value, scale)
    if "discrete_value_spec" in spec:
        numbers = tuple(spec.discrete_value_spec.values)
        if len(numbers) > MAX_DISCRETE:
            raise ValueError(f"has more than {MAX_DISCRETE} values")
        if any(high - low < 1e-10 for low, high in pairwise(numbers)):
            raise ValueError("values must rise, each by 1e-10 at least")
        return Discrete(numbers)
    if "categorical_value_spec" in spec:
        return Categorical(tuple(spec.categorical_value_spec.values))
    raise invalid(field, "has no value spec")


def _condition(child: v1.StudySpec.ParameterSpec.ConditionalParameterSpec) -> frozenset[Value]:
    for name in ("parent_discrete_values", "parent_int_values", "parent_categorical_values"):
        if name in child:
            values = getattr(child, name).values
            return frozenset(v if isinstance(v, str) else float(v) for v in values)
    raise invalid("conditional_parameter_specs", "names no values of its parent")


def _stopping(config: v1.StudySpec.StudyStoppingConfig) -> StudyStopping:
    least, most = config.minimum_runtime_constraint, config.maximum_runtime_constraint
    quiet = config.max_duration_no_progress
    return StudyStopping(
        asap=bool(config.should_stop_asap),
        min_trials=config.min_num_trials,
        max_trials=config.max_num_trials,
        trials_no_progress=config.max_num_trials_no_progress,
        no_progress_s=quiet.total_seconds() if quiet else None,
        min_runtime_s=least.max_duration.total_seconds() if "max_duration" in least else None,
        min_runtime_until=least.end_time if "end_time" in least else None,
        max_runtime_s=most.max_duration.total_seconds() if "max_duration" in most else None,
        max_runtime_until=most.end_time if "end_time" in most else None,
    )


def _check_ids(field: str, names: list[str]) -> None:
    if not names:
        raise invalid(field, "is empty")
    for name in names:
        if not name or any(letter.isspace() for letter in name):
            raise invalid(field, f"'{name}' is no id: it must not be empty or hold blanks")
    if len(set(names)) < len(names):
        raise invalid(field, "holds an id twice")
