"""The rehearsed JobService over REST: the same methods, transcoded to JSON as Google does it.

For whatever speaks no plaintext gRPC: the high-level SDK (`api_transport="rest"`) and gcloud.
What Service Usage would say of the project's quota is answered here, too.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from google.protobuf import json_format
from google.rpc import code_pb2

from mesosweep.rehearsal.answers import status_message
from mesosweep.rehearsal.meters import metric_asked
from mesosweep.rehearsal.refusal import Refusal, invalid
from mesosweep.rehearsal.service import METHODS, JobService, Message, Method

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""What google.rpc.Code says of each code; all others are 500."""
_PATH = re.compile(
    r"/v1/(?P<parent>projects/[^/]+/locations/[^/]+)/(?P<kind>[A-Za-z]+)"
    r"(?:/(?P<id>[^/:]+))?(?P<suffix>:\w+)?"
)
_SYSTEM = frozenset(("alt", "$alt", "key", "prettyPrint", "fields", "access_token"))
"""Parameters that any method takes and that are no field of a request."""


class RestServer:
    """Serves from construction until `close`; `service` may be replaced at any time."""

    def __init__(self, service: JobService, *, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one. Raises OSError for one that is taken."""
        self.service = service
        owner = self

        class Handler(_Handler):
            @property
            def service(self) -> JobService:
                return owner.service

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]  # clients keep the line open
    # One packet per reply, sent at once: headers and body apart would wait for each other.
    wbufsize: ClassVar[int] = -1
    disable_nagle_algorithm: ClassVar[bool] = True

    @property
    def service(self) -> JobService:
        raise NotImplementedError

    def do_GET(self) -> None:
        self._serve("get")

    def do_POST(self) -> None:
        self._serve("post")

    def do_DELETE(self) -> None:
        self._serve("delete")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
        """Say nothing: stderr belongs to who started the server."""

    def _serve(self, verb: str) -> None:
        # Read whatever comes of it: what is left unread would be taken for the next request.
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        query = parse_qsl(address.query, keep_blank_values=True)
        path = unquote(address.path)
        try:
            if verb == "get" and (asked := metric_asked(path)) is not None:
                answer = self.service.quota(*asked)
            else:
                answer = self._called(verb, path, query, body)
        except Refusal as refusal:
            self._send(HTTP_STATUS.get(refusal.code, 500), _error(refusal))
        else:
            self._send(200, answer)

    def _called(
        self, verb: str, path: str, query: list[tuple[str, str]], body: bytes
    ) -> dict[str, Any]:
        as_numbers = ("$alt", "json;enum-encoding=int") in query
        name, method, match = _method(verb, path)
        reply = self.service.call(name, _request(method, match, query, body))
        return _json(reply, as_numbers=as_numbers)

    def _send(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _method(verb: str, path: str) -> tuple[str, Method, re.Match[str]]:
    match = _PATH.fullmatch(path)
    for name, method in METHODS.items():
        if (
            match is not None
            and (verb, match["kind"], match["suffix"] or "")
            == (method.verb, method.kind, method.suffix)
            and (match["id"] is None) == method.on_collection
        ):
            return name, method, match
    raise Refusal("NOT_FOUND", f"There is no method {verb.upper()} {path}.")


def _request(
    method: Method, path: re.Match[str], query: list[tuple[str, str]], body: bytes
) -> Message:
    """Return the request of a path, its parameters and its body."""
    fields: dict[str, Any] = {k: v for k, v in query if k not in _SYSTEM}
    if method.on_collection:
        fields["parent"] = path["parent"]
    else:
        fields["name"] = f"{path['parent']}/{path['kind']}/{path['id']}"
    try:
        if method.body not in ("", "*"):
            fields[method.body] = json.loads(body or b"{}")
        request = method.request.pb(method.request())
        json_format.ParseDict(fields, request)
    except (ValueError, json_format.ParseError) as cause:
        raise invalid("request", str(cause)) from cause
    return method.request.wrap(request)


def _json(reply: Message | None, *, as_numbers: bool) -> dict[str, Any]:
    if reply is None:
        return {}
    plain = type(reply).pb(reply) if hasattr(type(reply), "pb") else reply
    content: dict[str, Any] = json_format.MessageToDict(plain, use_integers_for_enums=as_numbers)
    return content


def _error(refusal: Refusal) -> dict[str, Any]:
    status = status_message(refusal)
    return {
        "error": {
            **json_format.MessageToDict(status),
            "code": HTTP_STATUS.get(refusal.code, 500),
            "status": code_pb2.Code.Name(status.code),
        }
    }
