"""A client of a rehearsed Cloud Storage in the same process: Google's own, without a socket.

Everything but the connection is as over a port: requests, answers, faults. For tests that
make hundreds of thousands of calls in virtual time.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from mesosweep.rehearsal.storage_answers import Request
from mesosweep.rehearsal.storage_service import StorageService

_ENDPOINT = "http://rehearsed-storage"


def _nothing() -> None:
    """Let every call pass."""


def direct_client(
    service: StorageService,
    *,
    before: Callable[[], None] = _nothing,
    after: Callable[[], None] = _nothing,
) -> Any:  # Any: Google's client has no types
    """Return a `google.cloud.storage.Client` that asks the service itself.

    `before` and `after` are called around each call; what they raise, the caller meets, and
    after the call it has been carried out.
    """
    # Else it asks for every bucket in a thread of its own, for the sake of traces.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    session = requests.Session()
    session.mount(_ENDPOINT, _Adapter(service, before, after))
    return storage.Client(
        project="rehearsed",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": _ENDPOINT},
        _http=session,
    )


class _Adapter(BaseAdapter):
    """Carries a request over to the service and its answer back."""

    def __init__(
        self, service: StorageService, before: Callable[[], None], after: Callable[[], None]
    ) -> None:
        super().__init__()
        self._service = service
        self._before = before
        self._after = after

    def send(  # type: ignore[override]  # what is said of the connection does not matter here
        self, request: requests.PreparedRequest, **_connection: object
    ) -> requests.Response:
        self._before()
        answered = self._service.answer(_request_of(request))
        self._after()
        if answered is None:
            raise requests.ConnectionError("The connection was closed without a word.")
        headers = dict(answered.headers)
        found = requests.Response()
        found.status_code = answered.status
        found.reason = HTTPStatus(answered.status).phrase
        found.headers.update(headers)
        found.url, found.request = request.url or "", request
        found.raw = HTTPResponse(
            io.BytesIO(answered.body),
            headers=headers,
            status=answered.status,
            preload_content=False,
        )
        return found

    def close(self) -> None:
        """There is nothing to close."""


def _request_of(request: requests.PreparedRequest) -> Request:
    told = urlsplit(request.url or "")
    pairs = parse_qsl(told.query, keep_blank_values=True)
    return Request(
        verb=request.method or "GET",
        path=told.path,
        query=dict(pairs),
        permissions=tuple(value for name, value in pairs if name == "permissions"),
        headers=_lower(request.headers),
        body=_body(request.body),
    )


def _lower(headers: Mapping[str, Any]) -> dict[str, str]:
    plain = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in headers.items()
    }
    return {"host": _ENDPOINT.partition("//")[2], **plain}


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else bytes(body.read())
