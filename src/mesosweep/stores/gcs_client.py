"""Google's client of Cloud Storage, asked with our patience and answering with our errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from mesosweep.domain.errors import ExtraMissing, Refused, StoreUnreachable
from mesosweep.ports import Clock

T = TypeVar("T")

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Waits before a call that may succeed later is tried again."""
TIMEOUT_S = (10.0, 60.0)
"""For a connection, and for what follows."""
_NO_THREADS = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
_LOG_IN = "Log in with: gcloud auth application-default login"


def open_client(project: str | None = None) -> Any:  # Any: Google's client has no types
    """Return a client with the credentials of this machine; STORAGE_EMULATOR_HOST needs none.

    Raises:
        ExtraMissing: google-cloud-storage is not installed.
        Refused: there are no credentials.
    """
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import storage
    except ImportError:
        raise ExtraMissing("A bucket", "google-cloud-storage", "vertex") from None
    # Else it asks for every bucket in a thread of its own, for the sake of traces.
    os.environ.setdefault(_NO_THREADS, "true")
    try:
        return storage.Client(project=project)
    except (GoogleAuthError, OSError) as cause:
        raise Refused(
            f"Cloud Storage: no project or credentials: {_first_line(cause)}", hint=_LOG_IN
        ) from cause


def asked(ask: Callable[[], T], *, what: str, clock: Clock, hint: str | None = None) -> T:
    """Ask until there is an answer, patiently; `ask` makes one call, without Google's own retries.

    What is absent (`NotFound`), what somebody else changed (`PreconditionFailed`) and what has no
    such bytes (`RequestRangeNotSatisfiable`) is an answer too, and raised as it is.

    Raises:
        Refused: it will not succeed as it stands: credentials, permission, a bad request.
        StoreUnreachable: it did not succeed in about a minute. A write may have been made.
    """
    from google.api_core import exceptions as api

    for pause_s in (*PAUSES_S, None):
        try:
            return ask()
        except (api.NotFound, api.PreconditionFailed, api.RequestRangeNotSatisfiable):
            raise
        except Exception as cause:  # everything that is not known here is raised again
            if not _may_pass(cause):
                raise _refused(cause, what) from cause
            if pause_s is None:
                raise StoreUnreachable(
                    f"{what}: Cloud Storage did not answer ({_first_line(cause)}).",
                    hint=hint or "Whether it is there is not known. Run the same command later.",
                ) from cause
            clock.sleep(pause_s)
    raise AssertionError("the last try returns or raises")


def _may_pass(cause: Exception) -> bool:
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption
    from urllib3.exceptions import HTTPError

    if isinstance(cause, api.GoogleAPICallError):
        return cause.code in (408, 429) or (cause.code or 0) >= 500
    if isinstance(cause, GoogleAuthError):
        return bool(cause.retryable)
    # What `requests` raises is an OSError; an answer that stops short is a urllib3 or data error.
    return isinstance(cause, OSError | HTTPError | DataCorruption)


def _refused(cause: Exception, what: str) -> Exception:
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError

    match cause:
        case GoogleAuthError() | api.Unauthorized():
            return Refused(f"{what}: no valid credentials: {_first_line(cause)}", hint=_LOG_IN)
        case api.Forbidden():
            return Refused(
                f"{what}: permission denied: {_first_line(cause)}",
                hint="Grant yourself or the service account roles/storage.objectAdmin "
                "on the bucket.",
            )
        case api.GoogleAPICallError():
            return Refused(f"{what}: Cloud Storage refused: {_first_line(cause)}")
        case _:
            return cause


def no_bucket(bucket: str) -> Refused:
    """Return the error of a bucket that does not exist."""
    return Refused(
        f"gs://{bucket}: there is no such bucket.",
        hint=f"Correct --bucket, or make it: gcloud storage buckets create gs://{bucket}",
    )


def _first_line(cause: Exception) -> str:
    lines = _told(cause).strip().splitlines() or [type(cause).__name__]
    return lines[0] if len(lines[0]) <= 300 else f"{lines[0][:299]}…"


def _told(cause: Exception) -> str:
    try:  # the service's own sentence, out of the JSON that it lies in
        return str(cause.response.json()["error"]["message"])  # type: ignore[attr-defined]
    except (AttributeError, LookupError, TypeError, ValueError):
        return str(getattr(cause, "message", None) or cause)
