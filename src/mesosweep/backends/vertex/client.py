"""The only door to Google's package: jobs as plain data in, plain data out, errors translated once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from mesosweep.domain.errors import (
    BackendError,
    ExtraMissing,
    QuotaExhausted,
    Refused,
    SettingsError,
    Transient,
)

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1.services.job_service import JobServiceClient

    from mesosweep.backends.vertex.settings import JobSettings, Service

T = TypeVar("T")
_CREATE_S, _READ_S, _CANCEL_S = 60.0, 30.0, 30.0
"""The client's own default is to wait for ever."""
_PAGE = 100


class Jobs(Protocol):
    """Tuning jobs somewhere, in the API's JSON form.

    Raises `Transient` for what may pass, `Refused` for what will not.
    """

    def create(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a job. Not idempotent: after an error it may have begun all the same.

        Raises:
            QuotaExhausted: it has not begun, for there is no quota for it.
        """

    def get(self, name: str) -> dict[str, Any]:
        """Return a job whole, its trials included."""

    def list(self, where: str) -> Sequence[dict[str, Any]]:
        """Return the jobs that a filter admits; trials may be left out."""

    def cancel(self, name: str) -> None:
        """Ask a job to end. That it has ended is seen by `get`."""


class GoogleJobs:
    """Vertex AI's JobService. Connects when it is first asked for something."""

    def __init__(self, settings: Service | JobSettings) -> None:
        self._settings = settings
        self._client: JobServiceClient | None = None

    def create(self, job: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._asked(
                "submitting the job",
                lambda client: _plain(
                    client.create_hyperparameter_tuning_job(
                        parent=self._settings.parent,
                        hyperparameter_tuning_job=_message(job),
                        timeout=_CREATE_S,
                    )
                ),
            )
        except Transient as error:
            from google.api_core.exceptions import TooManyRequests

            if isinstance(error.__cause__, TooManyRequests):
                raise QuotaExhausted(
                    str(error),
                    hint="Fewer --parallel or a smaller --machine-type ask for less; mesosweep "
                    "doctor tells what is granted.",
                ) from error.__cause__
            raise

    def get(self, name: str) -> dict[str, Any]:
        return self._asked(
            "looking at the job",
            lambda client: _plain(client.get_hyperparameter_tuning_job(name=name, timeout=_READ_S)),
        )

    def list(self, where: str) -> list[dict[str, Any]]:
        request = {"parent": self._settings.parent, "filter": where, "page_size": _PAGE}
        return self._asked(
            "listing jobs",
            lambda client: [
                _plain(job)
                for job in client.list_hyperparameter_tuning_jobs(request=request, timeout=_READ_S)
            ],
        )

    def cancel(self, name: str) -> None:
        self._asked(
            "cancelling the job",
            lambda client: client.cancel_hyperparameter_tuning_job(name=name, timeout=_CANCEL_S),
        )

    def _asked(self, doing: str, ask: Callable[[JobServiceClient], T]) -> T:
        _need_google()
        with translated(doing, project=self._settings.project):
            if self._client is None:
                self._client = job_client(self._settings.endpoint, location=self._settings.location)
            return ask(self._client)


def job_client(endpoint: str | None, *, location: str) -> JobServiceClient:
    """Return a client of the location's service, or of the one at `endpoint`.

    `http://HOST:PORT` is spoken to in plaintext and without credentials, which is for
    servers of this machine; anything else is TLS with the user's credentials.

    Raises:
        ExtraMissing: Google's package is not installed.
        SettingsError: the endpoint names no host.
    """
    # Its C core tells of things on standard error that are no user's business.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    _need_google()
    import grpc
    from google.cloud.aiplatform_v1.services.job_service import JobServiceClient
    from google.cloud.aiplatform_v1.services.job_service.transports.grpc import (
        JobServiceGrpcTransport,
    )

    if endpoint is None:
        host = f"{location}-aiplatform.googleapis.com"
        return JobServiceClient(client_options={"api_endpoint": host})
    place = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    if not place.hostname or place.scheme not in ("http", "https"):
        raise SettingsError(
            f"--api-endpoint {endpoint}: names no host.",
            hint="Write HOST, HOST:PORT, or http://127.0.0.1:PORT for a server of this machine.",
        )
    if place.scheme == "https":
        return JobServiceClient(client_options={"api_endpoint": place.netloc})
    channel = grpc.insecure_channel(place.netloc)
    return JobServiceClient(transport=JobServiceGrpcTransport(channel=channel))


def _need_google() -> None:
    try:
        import google.cloud.aiplatform_v1  # noqa: F401  # that it is there is all we ask
    except ImportError as cause:
        raise ExtraMissing("Backend 'vertex'", "google-cloud-aiplatform", "vertex") from cause


@contextmanager
def translated(doing: str, *, project: str) -> Iterator[None]:
    """Turn Google's errors into ours, parents rather than leaves: REST raises no more than those."""
    from google.api_core import exceptions as google
    from google.auth import exceptions as auth

    try:
        yield
    except google.GoogleAPICallError as cause:
        raise _ours(cause, doing, project=project) from cause
    except (google.RetryError, auth.TransportError) as cause:
        raise Transient(f"{doing}: Vertex AI did not answer: {_line(cause)}") from cause
    except auth.GoogleAuthError as cause:
        raise Refused(
            f"{doing}: no usable Google credentials: {_line(cause)}",
            hint="Log in: gcloud auth application-default login",
        ) from cause


def _ours(cause: Any, doing: str, *, project: str) -> BackendError:
    from google.api_core import exceptions as google

    told = f"{doing}: {_line(cause)}"
    passing = (google.TooManyRequests, google.ServerError, google.Aborted, google.Cancelled)
    lasting = (google.MethodNotImplemented, google.DataLoss)
    if isinstance(cause, passing) and not isinstance(cause, lasting):
        return Transient(told)
    hint: str | None = None
    match cause:
        case google.Unauthorized():
            hint = "Log in: gcloud auth application-default login"
        case google.Forbidden():
            hint = (
                f"Your account needs the role Vertex AI User (roles/aiplatform.user) in {project}."
            )
        case google.NotFound():
            hint = f"Check --project {project} and --location."
        case google.BadRequest():
            hint = "See the whole request: mesosweep plan"
    return Refused(told, hint=hint)


def _line(cause: Any) -> str:
    """Return what an error says in one line, with the fields or quotas that it blames."""
    said = " ".join(str(getattr(cause, "message", None) or cause).split())
    blamed = []
    for detail in getattr(cause, "details", None) or ():
        for violation in (
            *getattr(detail, "field_violations", ()),
            *getattr(detail, "violations", ()),
        ):
            where = getattr(violation, "field", "") or getattr(violation, "subject", "")
            text = f"{where}: {violation.description}".strip(": ")
            if text and text not in said:
                blamed.append(text)
    return "; ".join([said or type(cause).__name__, *blamed])


def _message(job: Mapping[str, Any]) -> Any:
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob

    # By JSON: what a plan shows is letter for letter what is sent.
    return HyperparameterTuningJob.from_json(json.dumps(job))


def _plain(job: Any) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    plain: dict[str, Any] = MessageToDict(type(job).pb(job))
    return plain
