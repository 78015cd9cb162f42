"""What a job needs to know beside its study: project, image, machine, limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from mesosweep.backends.vertex.machines import CHECKED, accelerator, misfit
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import SweepPlan

EarlyStopping: TypeAlias = Literal["none", "median"]
DEFAULT_LOCATION = "us-central1"
DEFAULT_MACHINE = "n1-standard-8"
OWN_LABELS = "mesosweep_"
_NAMES = {"api_endpoint": "endpoint"}
_SECRETS = {"wandb": "WANDB_API_KEY"}
"""Tracker → environment variable that it needs and that no image should hold."""

_PROJECT = re.compile(r"[a-z][a-z0-9.:-]{4,}[a-z0-9]|\d+")
_LOCATION = re.compile(r"[a-z]+-[a-z]+\d+")
_IMAGE = re.compile(r"[^\s/]+/\S+")
_MACHINE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+")
_NETWORK = re.compile(r"projects/[^/\s]+/global/networks/[^/\s]+")
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Service:
    """Whose jobs are spoken of, and where: enough to list, get and cancel them.

    Raises:
        SettingsError: a setting is malformed.
    """

    project: str
    location: str = DEFAULT_LOCATION
    endpoint: str | None = None

    def __post_init__(self) -> None:
        _check("--project", self.project, _PROJECT, "a project id, e.g. my-project-1")
        _check("--location", self.location, _LOCATION, f"a region, e.g. {DEFAULT_LOCATION}")
        if (self.endpoint or "").startswith("http://") and not is_loopback(self.endpoint or ""):
            raise SettingsError(
                f"--api-endpoint {self.endpoint}: plaintext is for a server of this machine only.",
                hint="Write HOST or https://HOST[:PORT]; or http://127.0.0.1:PORT for a rehearsal.",
            )

    @property
    def parent(self) -> str:
        """Resource name that jobs are created and listed under."""
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Where and on what trials run. Nothing here changes what a trial computes.

    Raises:
        SettingsError: a setting is malformed, or the machine cannot take the accelerator.
    """

    project: str
    image: str
    """URI of the trainer image."""
    location: str = DEFAULT_LOCATION
    machine_type: str = DEFAULT_MACHINE
    accelerator_type: str | None = None
    """An alias or the API's name; None (or `None`) for CPU only, the default: the networks
    are small, and an idle GPU costs as much as the machine."""
    accelerator_count: int = 1
    """More than one needs an accelerator's type."""
    spot: bool = False
    service_account: str | None = None
    network: str | None = None
    """`projects/NUMBER/global/networks/NAME`."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The user's own; ours begin with `mesosweep_`."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Environment of the container that is never shown, e.g. WANDB_API_KEY."""
    early_stopping: EarlyStopping = "none"
    max_failed_trials: int = 3
    """So many failed trials fail the job; what runs beside them is let go with it."""
    trial_s: Mapping[int, float] = field(default_factory=dict)
    """Stage → seconds that one of its trials is expected to take, where that was estimated."""
    any_machine: bool = False
    """Send a machine that our table refuses."""
    endpoint: str | None = None
    """Host of the API in place of the location's own; `http://…` is plaintext."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "accelerator_type", accelerator(self.accelerator_type))
        Service(self.project, self.location, self.endpoint)
        _check(
            "--image", self.image, _IMAGE, "the URI of an image, e.g. HOST/PROJECT/REPO/NAME:TAG"
        )
        _check("--machine-type", self.machine_type, _MACHINE, f"e.g. {DEFAULT_MACHINE}")
        for name, count in (
            ("--accelerator-count", self.accelerator_count),
            ("--max-failed-trials", self.max_failed_trials),
        ):
            if count < 1:
                raise SettingsError(f"{name}: must be at least 1 (got {count}).")
        if self.accelerator_type is None and self.accelerator_count > 1:
            raise SettingsError(
                f"--accelerator-count {self.accelerator_count}: no accelerator is asked for.",
                hint="Name one with --accelerator-type, e.g. T4; or leave the count out.",
            )
        if self.service_account is not None:
            _check("--service-account", self.service_account, _ACCOUNT, "an e-mail address")
        if self.network is not None:
            _check("--network", self.network, _NETWORK, "projects/NUMBER/global/networks/NAME")
        for key, value in self.labels.items():
            _check_label(key, value)
        if (problem := self.machine_problem) and not self.any_machine:
            raise SettingsError(
                f"--machine-type {self.machine_type}: {problem}.",
                hint=f"By a table of {CHECKED:%-d %B %Y}; --any-machine sends it all the same.",
            )

    @classmethod
    def of(
        cls, plan: SweepPlan, *, environ: Mapping[str, str], trial_s: Mapping[int, float]
    ) -> JobSettings:
        """Return what a plan says of jobs, with the secrets that its trackers need.

        Raises:
            SettingsError: project, image or bucket is missing, or a setting is malformed.
        """
        told = {_NAMES.get(name, name): value for name, value in plan.job.items()}
        missing = [f"--{name}" for name in ("project", "image") if not told.get(name)]
        if not plan.root.startswith("gs://"):
            missing.insert(len(missing) and 1, "--bucket")
        if missing:
            raise SettingsError(
                f"Trials on Vertex AI need {' and '.join(missing)}.",
                hint="For this machine say nothing of them, or: --backend local",
            )
        early = told.setdefault("early_stopping", "none")
        if early not in get_args(EarlyStopping):
            raise SettingsError(
                f"--early-stopping: unknown value '{early}'.",
                hint=f"Known: {', '.join(get_args(EarlyStopping))}.",
            )
        secrets = {
            name: environ[name]
            for tracker, name in _SECRETS.items()
            if tracker in plan.trackers and environ.get(name)
        }
        return cls(**told, secrets=secrets, trial_s=trial_s)

    @property
    def machine(self) -> str:
        """The machine with its accelerators, in words."""
        if self.accelerator_type is None:
            return self.machine_type
        return f"{self.machine_type} + {self.accelerator_count} × {self.accelerator_type}"

    @property
    def machine_problem(self) -> str | None:
        """Why the machine and the accelerator do not go together, as far as our table knows."""
        return misfit(self.machine_type, self.accelerator_type, self.accelerator_count)

    @property
    def parent(self) -> str:
        """As of its `Service`."""
        return Service(self.project, self.location, self.endpoint).parent

    @property
    def is_rehearsed(self) -> bool:
        """Whether the service is one of this machine, which nobody pays for or watches."""
        return (self.endpoint or "").startswith("http://")

    def console(self, job: str) -> str | None:
        """Return where people watch a job of this name; None for a rehearsed one."""
        if self.is_rehearsed:
            return None
        return (
            "https://console.cloud.google.com/vertex-ai/locations/"
            f"{self.location}/training/{job.rpartition('/')[2]}?project={self.project}"
        )

    @property
    def strategy(self) -> Literal["STANDARD", "SPOT"]:
        return "SPOT" if self.spot else "STANDARD"


def is_loopback(address: str) -> bool:
    """Whether an http:// address is one of this machine, which no other one can answer for."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check(name: str, value: str, form: re.Pattern[str], expected: str) -> None:
    if not form.fullmatch(value):
        raise SettingsError(f"{name} '{value}': must be {expected}.")


def _check_label(key: str, value: str) -> None:
    if key.startswith(OWN_LABELS):
        raise SettingsError(f"--label {key}: names that begin with {OWN_LABELS} are ours.")
    if not key[:1].isalpha() or not _LABEL.fullmatch(key) or not _LABEL.fullmatch(value):
        raise SettingsError(
            f"--label {key}={value}: takes lower-case letters, digits, '_' and '-', at most 63; "
            "a name begins with a letter."
        )
