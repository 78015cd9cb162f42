"""What `doctor` looks at before a sweep on Vertex AI: the things that would stop it, for nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from mesosweep.cli.checks import Check
from mesosweep.domain.errors import MesosweepError

if TYPE_CHECKING:
    from mesosweep.backends.vertex.settings import JobSettings
    from mesosweep.settings.flags import Flags

_PACKAGES = ("google-cloud-aiplatform", "google-cloud-storage", "cloudml-hypertune")
_REGISTRY = re.compile(r"(?P<region>[a-z0-9-]+)-docker\.pkg\.dev/")
_USUAL_PARALLEL = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """The cloud that was asked about; what was not said is not looked at."""

    told: Mapping[str, str | int]
    bucket: str | None
    parallel: int

    @classmethod
    def of(cls, flags: Flags, environ: Mapping[str, str]) -> Asked | None:
        """Return it; None when nobody asks about a cloud."""
        names = (
            *("project", "image", "location", "machine_type", "accelerator_type"),
            "accelerator_count",
        )
        told = {}
        for name in names:
            value = getattr(flags, name)
            if value is None:
                value = environ.get(f"MESOSWEEP_{name.upper()}") or None
            if value is not None:
                told[name] = value
        if flags.spot or environ.get("MESOSWEEP_SPOT", "").lower() in ("1", "true", "yes"):
            told["spot"] = True
        endpoint = flags.api_endpoint or environ.get("MESOSWEEP_VERTEX_ENDPOINT")
        if endpoint:
            told["endpoint"] = endpoint
        bucket = flags.bucket or environ.get("MESOSWEEP_BUCKET")
        if not (told.get("project") or told.get("image") or bucket):
            return None
        return cls(told, bucket, flags.parallel or _USUAL_PARALLEL)


def cloud_checks(asked: Asked) -> Iterator[Check]:
    """Yield every check of a cloud."""
    packages = _packages()
    yield packages
    if packages.mark == "✗":
        return
    yield _credentials()
    if asked.bucket:
        yield _bucket(asked.bucket, str(asked.told.get("project", "")) or None)
    if "project" not in asked.told:
        yield Check("jobs", "!", "not looked at", "Say whose: --project YOUR_PROJECT")
        return
    try:
        settings = _settings(asked)
    except MesosweepError as error:
        yield Check("job settings", "✗", str(error), error.hint)
        return
    if "image" in asked.told:
        yield _image(settings)
    yield _jobs(settings)
    from mesosweep.cli.quotas import quota_checks

    yield from quota_checks(settings, asked.parallel)


def _packages() -> Check:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    listed = ", ".join(f"{name} {told}" for name, told in found.items())
    if "missing" in found.values():
        fix = "Install what is missing: pip install 'mesosweep[vertex]'"
        return Check("packages for Vertex AI", "✗", listed, fix)
    return Check("packages for Vertex AI", "✓", listed)


def _credentials() -> Check:
    from mesosweep.backends.vertex.settings import is_loopback

    if buckets := os.environ.get("STORAGE_EMULATOR_HOST"):
        if is_loopback(buckets if "://" in buckets else f"http://{buckets}"):
            return Check("credentials", "✓", "none needed: buckets are rehearsed on this machine")
        found = f"STORAGE_EMULATOR_HOST sends all that is for buckets to {buckets}, without any"
        return Check("credentials", "!", found, "For Google's own buckets: unset it.")
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, project = google.auth.default(
            scopes=["https://www.googleapis.com/auth/cloud-platform"]
        )
        credentials.refresh(Request())
    except (GoogleAuthError, OSError) as cause:
        told = " ".join(str(cause).split())
        return Check("credentials", "✗", told, "Log in: gcloud auth application-default login")
    who = getattr(credentials, "service_account_email", None) or "a user"
    return Check("credentials", "✓", f"{who}, project {project or 'none by default'}")


def _bucket(said: str, project: str | None) -> Check:
    from mesosweep.cli.clocks import WorldClock
    from mesosweep.settings.job import bucket_address
    from mesosweep.stores.gcs import check_access
    from mesosweep.stores.gcs_address import Address
    from mesosweep.stores.gcs_objects import Objects

    try:
        place = Address.parse(bucket_address(said))
        check_access(Objects(clock=WorldClock(), project=project).bucket(place.bucket))
    except MesosweepError as error:
        return Check("bucket", "✗", str(error), error.hint)
    return Check("bucket", "✓", f"gs://{place.bucket} can be written")


def _settings(asked: Asked) -> JobSettings:
    from mesosweep.backends.vertex.settings import JobSettings

    told = {"image": "not/said", **asked.told}
    if "accelerator_count" in told:
        told["accelerator_count"] = int(told["accelerator_count"])
    return JobSettings(**told)  # type: ignore[arg-type]  # by name, checked there


def _image(settings: JobSettings) -> Check:
    """Look at the reference; whether it can be pulled and what is in it a trial finds out."""
    if settings.is_rehearsed:
        return Check("image", "✓", "none is pulled: trials run what is installed here")
    registry = _REGISTRY.match(settings.image)
    tag = settings.image.rpartition("/")[2]
    if ":" not in tag and "@" not in tag:
        fix = "Name one, so that every trial of a sweep runs the same: IMAGE:TAG or IMAGE@sha256:…"
        return Check("image", "!", f"{settings.image} has no tag: 'latest' is meant", fix)
    if registry is None:
        fix = "Vertex AI pulls from Artifact Registry: REGION-docker.pkg.dev/PROJECT/REPO/NAME:TAG"
        return Check("image", "!", f"{settings.image} is not in Artifact Registry", fix)
    if registry["region"] not in (settings.location, settings.location.partition("-")[0]):
        found = f"lies in {registry['region']}, machines in {settings.location}"
        return Check("image", "!", found, "Pulling it across regions is slow and is billed.")
    return Check("image", "✓", f"{settings.image} (not pulled: only a trial shows what is in it)")


def _jobs(settings: JobSettings) -> Check:
    from mesosweep.backends.vertex.client import GoogleJobs
    from mesosweep.backends.vertex.labels import EVERY
    from mesosweep.backends.vertex.parse import has_ended

    try:
        jobs = GoogleJobs(settings).list(EVERY)
    except MesosweepError as error:
        return Check("jobs", "✗", str(error), error.hint)
    running = sum(not has_ended(job) for job in jobs)
    found = f"{settings.parent} answers; {len(jobs)} jobs of ours, {running} of them running"
    return Check("jobs", "✓", found)
