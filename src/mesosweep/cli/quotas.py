"""How much of custom training's quota a project has: asked of Google's Service Usage API.

`services.consumerQuotaMetrics.get`, v1beta1, by plain REST with google-auth: the Service Usage API is
enabled in every project, and needs no package of its own. Meters are called as Vertex AI calls them
when it refuses a job for want of quota. What other jobs use just now nobody is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mesosweep.cli.checks import Check

if TYPE_CHECKING:
    from mesosweep.backends.vertex.settings import JobSettings

ENDPOINT_VARIABLE = "MESOSWEEP_QUOTA_ENDPOINT"
"""Names another address of Service Usage; a rehearsal's, which is spoken to without credentials."""
_ENDPOINT = "https://serviceusage.googleapis.com"
_SERVICE = "aiplatform.googleapis.com"
_TIMEOUT_S = 20.0
_MACHINE = re.compile(r"(?P<family>[a-z]+\d+[a-z]*)-")
_CPUS = re.compile(r"-(\d+)$")
_COMMON = ("n1", "e2")
"""Families whose CPUs are counted by the meter that names none."""
_QUOTAS = "https://console.cloud.google.com/iam-admin/quotas?project="
_UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class Need:
    """What one machine takes of one meter."""

    meter: str
    """Without its service, e.g. `custom_model_training_cpus`."""
    each: int | None
    """None where a machine's name does not tell."""


class Unknown(Exception):
    """The quota cannot be looked up; says why, and what to do."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.fix = fix


def quota_checks(settings: JobSettings, parallel: int) -> Iterator[Check]:
    """Yield a check of each meter that `parallel` trials at a time take something of."""
    endpoint = os.environ.get(ENDPOINT_VARIABLE)
    if settings.is_rehearsed and not endpoint:
        yield Check("quota", "✓", "none: machines are rehearsed")
        return
    for need in needs_of(settings):
        try:
            limit = limit_of(need.meter, settings, endpoint=endpoint or _ENDPOINT)
        except Unknown as cause:
            asked = f"{parallel} trials at a time need {_amount(need, parallel)} of {need.meter}"
            yield Check("quota", "!", f"{asked}; not looked up: {cause}", cause.fix)
        else:
            yield _compared(need, limit, settings, parallel)


def needs_of(settings: JobSettings) -> Iterator[Need]:
    """Yield what one machine takes: its CPUs, and its accelerators."""
    start = "custom_model_training_" + ("preemptible_" if settings.spot else "")
    machine = _MACHINE.match(settings.machine_type)
    family = machine["family"] if machine else ""
    cpus = _CPUS.search(settings.machine_type)
    own = "" if family in (*_COMMON, "") else f"{family}_"
    yield Need(f"{start}{own}cpus", int(cpus[1]) if cpus else None)
    if settings.accelerator_type:
        name = settings.accelerator_type.lower().replace("tesla_", "")
        # Only the A100 comes with two sizes of memory, and two meters.
        name = name if "a100" in name else re.sub(r"_\d+gb$", "", name)
        yield Need(f"{start}{name}_gpus", settings.accelerator_count)


def limit_of(meter: str, settings: JobSettings, *, endpoint: str) -> int | None:
    """Return how much a project may ask for in its region; None where that is not told.

    Raises:
        Unknown: Service Usage did not answer, or refused to.
    """
    metric = quote(f"{_SERVICE}/{meter}", safe="")
    path = f"projects/{settings.project}/services/{_SERVICE}/consumerQuotaMetrics/{metric}"
    told = _answer(f"{endpoint.rstrip('/')}/v1beta1/{path}", settings.project)
    found: int | None = None
    for limit in told.get("consumerQuotaLimits", ()):
        # The project's own default comes first, what is particular to a region after it.
        for bucket in limit.get("quotaBuckets", ()):
            if bucket.get("dimensions", {}).get("region", settings.location) != settings.location:
                continue
            if "effectiveLimit" in bucket:
                found = int(bucket["effectiveLimit"])
    return found


def _answer(url: str, project: str) -> Mapping[str, Any]:
    import requests
    from google.auth.exceptions import GoogleAuthError

    try:
        response = _session(url, project).get(url, timeout=_TIMEOUT_S)
        told = response.json()
    except GoogleAuthError as cause:
        raise Unknown(_line(cause), "Log in: gcloud auth application-default login") from cause
    except (requests.RequestException, ValueError) as cause:
        host = url.partition("/v1beta1")[0]
        raise Unknown(f"{host} did not answer: {_line(cause)}", "Try it again later.") from cause
    if response.ok and isinstance(told, dict):
        return told
    error = told.get("error", {}) if isinstance(told, dict) else {}
    raise Unknown(*_refused(response.status_code, error, project))


def _session(url: str, project: str) -> Any:  # Any: google-auth and requests have no types here
    import requests

    from mesosweep.backends.vertex.settings import is_loopback

    if is_loopback(url):
        return requests.Session()
    import google.auth
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    if isinstance(credentials, Credentials):
        # A user's own credentials belong to no project, and Service Usage asks for one.
        credentials = credentials.with_quota_project(project)
    return AuthorizedSession(credentials)


def _refused(status: int, error: Mapping[str, Any], project: str) -> tuple[str, str]:
    """Return why Service Usage would not tell, and what to do about it."""
    said = " ".join(str(error.get("message") or f"HTTP {status}").split())
    reasons = {detail.get("reason") for detail in error.get("details", ()) if detail}
    if "SERVICE_DISABLED" in reasons or "has not been used in project" in said:
        fix = f"gcloud services enable serviceusage.googleapis.com --project={project}"
        return "the Service Usage API is disabled in the project", f"Enable it: {fix}"
    match status:
        case 401:
            return said, "Log in: gcloud auth application-default login"
        case 403:
            role = "roles/servicemanagement.quotaViewer"
            return said, f"Have yourself granted {role} in {project}, or look: {_QUOTAS}{project}"
        case 404:
            return "Service Usage knows no such meter", f"Look for it: {_QUOTAS}{project}"
        case _:
            return said, f"Look yourself: {_QUOTAS}{project}"


def _compared(need: Need, limit: int | None, settings: JobSettings, parallel: int) -> Check:
    where = f"{need.meter} in {settings.location}"
    needed = f"{parallel} trials at a time need {_amount(need, parallel)}"
    more = f"Ask for more: {_QUOTAS}{settings.project}"
    if limit is None:
        found = f"{where}: no limit is told, which it is for 0, too; {needed}"
        return Check("quota", "!", found, f"Compare: {_QUOTAS}{settings.project}")
    if limit == _UNLIMITED:
        return Check("quota", "✓", f"{where}: unlimited; {needed}")
    found = f"{where}: {limit} granted; {needed}"
    if need.each is None:
        return Check("quota", "✗" if limit == 0 else "!", found, more)
    if limit >= need.each * parallel:
        return Check("quota", "✓", f"{found} (what other jobs use is not told)")
    if limit < need.each:
        other = "Or choose another --machine-type, --location, or " + (
            "leave out --spot." if settings.spot else "--spot, which has a quota of its own."
        )
        return Check("quota", "✗", found, f"{more}\n{other}")
    return Check("quota", "!", found, f"{more}\nOr: --parallel {limit // need.each}")


def _amount(need: Need, parallel: int) -> str:
    return "so many machines" if need.each is None else str(need.each * parallel)


def _line(cause: Exception) -> str:
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    return lines[0] if len(lines[0]) <= 200 else f"{lines[0][:199]}…"
