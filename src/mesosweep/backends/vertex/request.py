"""From a study to the exact HyperparameterTuningJob, as plain data in the API's JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from mesosweep.backends.vertex.labels import labels_of
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter, Scale
from mesosweep.domain.study import Study, trial_arguments

Request: TypeAlias = dict[str, Any]
"""JSON-able; keys are the API's, in camel case."""
METRIC = "best_mean_reward"
STUDY_FILE = "study.json"
REDACTED = "REDACTED"

_SLOWEST_STEPS_PER_S = 50.0
"""Assumed of a trial of which nothing was estimated: below half of the slowest pace that any
cost table of ours implies (111 steps/s on an n1-standard-8)."""
_MARGIN = 4.0
"""How much longer than estimated a trial may take: clouds' cores are slower than a desk's."""
_SHORTEST_TIMEOUT_S = 3_600
_LONGEST_TIMEOUT_S = 7 * 86_400
"""The service's own default."""
_SCALES: Mapping[Scale, str] = {"linear": "UNIT_LINEAR_SCALE", "log": "UNIT_LOG_SCALE"}
_MOST_VALUES, _LEAST_GAP = 1_000, 1e-10
"""What the service takes of a discrete parameter (`DiscreteValueSpec`)."""


@dataclass(frozen=True, slots=True)
class Go:
    """One job of a study. A study whose job was lost, or that wants more trials, has another go."""

    attempt: int
    """Names the folder and takes part in the seeds of its trials."""
    trials: int
    """How many this job is asked for; what earlier ones finished is not asked for again."""
    folder: str
    """`gs://…/stage<N>[_a<k>]`: trial folders lie below it."""

    @classmethod
    def first(cls, study: Study) -> Go:
        return cls(study.attempt, study.trials, study.folder)


def build_request(study: Study, settings: JobSettings, go: Go) -> Request:
    """Return the job, secrets in clear.

    Raises:
        SettingsError: the service cannot run such a study; says why.
    """
    _check(study)
    return {
        "displayName": _display_name(study, go),
        "labels": labels_of(study, settings.labels, attempt=go.attempt),
        "studySpec": study_spec(study, settings),
        "maxTrialCount": go.trials,
        "parallelTrialCount": min(study.parallel, go.trials),
        "maxFailedTrialCount": min(settings.max_failed_trials, go.trials),
        "trialJobSpec": {
            "workerPoolSpecs": [
                {
                    "machineSpec": _machine(settings),
                    "replicaCount": 1,
                    "containerSpec": {
                        "imageUri": settings.image,
                        "command": ["mesosweep"],
                        "args": list(arguments(study, go)),
                        **_environment(settings),
                    },
                }
            ],
            "scheduling": {
                "timeout": f"{timeout_s(study, settings)}s",
                # A trial goes on from its own checkpoint, so losing a worker costs little.
                "restartJobOnWorkerRestart": True,
                "strategy": settings.strategy,
            },
            # The service lays `<this>/<trial id>/…` below it, as we do.
            "baseOutputDirectory": {"outputUriPrefix": go.folder},
            **({"serviceAccount": settings.service_account} if settings.service_account else {}),
            **({"network": settings.network} if settings.network else {}),
        },
    }


def study_spec(study: Study, settings: JobSettings) -> Request:
    """Return the search: what is varied and what counts. No algorithm named: Bayesian."""
    spec: Request = {
        "metrics": [{"metricId": METRIC, "goal": "MAXIMIZE"}],
        "parameters": [_parameter(name, parameter) for name, parameter in study.space.items()],
        # What a trial reports is the best so far, which never falls: the last is the best.
        "measurementSelectionType": "LAST_MEASUREMENT",
    }
    if settings.early_stopping == "median":
        # By steps: a slow machine is not a bad trial.
        spec["medianAutomatedStoppingSpec"] = {"useElapsedDuration": False}
    return spec


def arguments(study: Study, go: Go) -> tuple[str, ...]:
    """Return the argv of `mesosweep` in the container, to which the service adds the parameters."""
    told = list(trial_arguments(study, {}))
    told[told.index(f"--attempt={study.attempt}")] = f"--attempt={go.attempt}"
    if study.load is not None:
        told[told.index(f"--load={study.load.uri}")] = f"--load={mounted(study.load.uri)}"
    if study.stage_dir is not None:
        told[told.index(f"--stage-dir={study.stage_dir}")] = (
            f"--stage-dir={mounted(study.stage_dir)}"
        )
    # Before the swept and fixed parameters, which come last.
    place = 1 + max(i for i, word in enumerate(told) if word.startswith("--attempt="))
    told[place:place] = [f"--output-dir={mounted(go.folder)}", f"--study={study_uri(go)}"]
    return tuple(told)


def study_uri(go: Go) -> str:
    """Return where the document of a go lies: beside its trials."""
    return f"{go.folder}/{STUDY_FILE}"


def mounted(uri: str) -> str:
    """Return the path under which a container sees an object: every bucket is mounted at /gcs."""
    return f"/gcs/{uri.removeprefix('gs://')}" if uri.startswith("gs://") else uri


def timeout_s(study: Study, settings: JobSettings) -> int:
    """Return how long one trial may run before the service ends it, in whole minutes of seconds."""
    if study.trial_timeout_s is not None:
        return math.ceil(study.trial_timeout_s)
    estimated = settings.trial_s.get(study.stage)
    if estimated is None:
        longest = study.settings.timesteps / _SLOWEST_STEPS_PER_S
    else:
        longest = estimated * _MARGIN
    return min(max(math.ceil(longest / 60) * 60, _SHORTEST_TIMEOUT_S), _LONGEST_TIMEOUT_S)


def redacted(request: Request) -> Request:
    """Return a copy with the value of every environment variable blotted out."""

    def blot(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: blot(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            if key == "env":
                return [{"name": variable["name"], "value": REDACTED} for variable in value]
            return [blot(inner) for inner in value]
        return value

    blotted: Request = blot(request)
    return blotted


def _check(study: Study) -> None:
    where = f"stage{study.stage}"
    if not study.folder.startswith("gs://"):
        raise SettingsError(
            f"{where}: trials on Vertex AI write into a bucket, not into {study.folder}.",
            hint="Name it: --bucket BUCKET",
        )
    for flag, uri in (
        ("--load", study.load.uri if study.load else None),
        ("--stage-dir", study.stage_dir),
    ):
        if uri is not None and not uri.startswith(("gs://", "/gcs/")):
            raise SettingsError(
                f"{where}: {flag} {uri}: a trial on Vertex AI cannot see this machine's files.",
                hint=f"Copy it into the bucket and pass {flag} gs://BUCKET/…",
            )
    if study.enqueued:
        raise SettingsError(
            f"{where}: --enqueue: Vertex AI chooses every point itself and takes none from us.",
            hint="Leave it out, or search on this machine: --backend local",
        )
    if not study.space:
        raise SettingsError(f"{where}: nothing is left to search.")


def _display_name(study: Study, go: Go) -> str:
    again = "" if go.attempt == study.attempt else f"-then-a{go.attempt}"
    return f"{study.key}{again}"[:128]


def _machine(settings: JobSettings) -> Request:
    machine: Request = {"machineType": settings.machine_type}
    if settings.accelerator_type is not None:
        machine["acceleratorType"] = settings.accelerator_type
        machine["acceleratorCount"] = settings.accelerator_count
    return machine


def _environment(settings: JobSettings) -> Request:
    told = [{"name": name, "value": value} for name, value in settings.secrets.items()]
    return {"env": told} if told else {}


def _parameter(name: str, parameter: Parameter) -> Request:
    match parameter:
        case Double(low=low, high=high, scale=scale):
            spec = {"doubleValueSpec": {"minValue": low, "maxValue": high}}
            return {"parameterId": name, **spec, "scaleType": _SCALES[scale]}
        case Integer(low=low, high=high, scale=scale):
            whole = {"integerValueSpec": {"minValue": low, "maxValue": high}}
            return {"parameterId": name, **whole, "scaleType": _SCALES[scale]}
        case Discrete(values=numbers):
            _check_discrete(name, numbers)
            few = {"discreteValueSpec": {"values": [float(number) for number in numbers]}}
            return {"parameterId": name, **few, "scaleType": _SCALES["linear"]}
        case Categorical(values=words):
            return {"parameterId": name, "categoricalValueSpec": {"values": list(words)}}


def _check_discrete(name: str, numbers: tuple[int | float, ...]) -> None:
    if len(numbers) > _MOST_VALUES:
        raise SettingsError(
            f"{name}: Vertex AI takes at most {_MOST_VALUES} values of a discrete parameter "
            f"(got {len(numbers)}).",
            hint="Search it as an integer or a double.",
        )
    # Our spaces hold them ascending and each once; the service asks for a gap as well.
    for lower, higher in pairwise(numbers):
        if higher - lower < _LEAST_GAP:
            raise SettingsError(
                f"{name}: {lower!r} and {higher!r} are closer than Vertex AI allows ({_LEAST_GAP})."
            )
