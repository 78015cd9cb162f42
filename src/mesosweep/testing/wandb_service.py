"""A stand-in for W&B's service on this machine, which the real client takes for the real one."""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "k" * 40
"""The one key that it knows."""
_PROJECT = {"id": "p", "name": "mesosweep", "entity": {"id": "e", "name": "us"}}


@dataclass
class ServedRun:
    """A run as the service has it."""

    told: dict[str, Any]
    """What the client said of it when it began or went on last."""
    beginnings: int = 0
    lines: dict[str, list[str]] = field(default_factory=dict)
    """Name of a stream → its lines, such as `wandb-history.jsonl`."""
    exit_code: int | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.get("wandb-history.jsonl", [])]

    @property
    def summary(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.lines.get("wandb-summary.json") or ["{}"])[-1])
        return told

    @property
    def config(self) -> dict[str, Any]:
        told = json.loads(self.told.get("config") or "{}")
        return {name: item["value"] for name, item in told.items() if not name.startswith("_")}


class Service:
    """Keeps runs in memory and answers the requests that wandb 0.31 makes; ends as a context.

    It is ours, and knows no more of W&B than the client's own requests tell.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.runs: dict[str, ServedRun] = {}
        self.unknown: list[str] = []
        """Requests that were answered with nothing."""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, query: str, told: dict[str, Any]) -> dict[str, Any]:
        """Return the data of a GraphQL request."""
        named = re.match(r"\s*(?:query|mutation)\s+(\w+)", query)
        name = named[1] if named else query
        match name:
            case "Viewer":
                return {"viewer": {"id": "1", "entity": "us", "username": "us", "flags": "{}"}}
            case "ServerFeaturesQuery":
                return {"serverInfo": {"features": []}}
            case "RunResumeStatus":
                return {"model": {**_PROJECT, "bucket": self._tail(told["name"])}}
            case "UpsertBucket":
                return {"upsertBucket": self._begun(told)}
            case "CreateRunFiles":
                files = [
                    {"name": file, "uploadUrl": f"{self.address}/upload/{file}"}
                    for file in told["files"]
                ]
                run = {"runID": told["run"], "uploadHeaders": [], "files": files}
                return {"createRunFiles": run}
            case "MarkRunFilesUploaded":
                return {"markRunFilesUploaded": {"success": True}}
        self.unknown.append(name)
        return {}

    def stream(self, run_id: str, told: dict[str, Any]) -> None:
        """Take in what the client sends of a run while it goes on."""
        run = self.runs[run_id]
        for name, part in told.get("files", {}).items():
            lines = run.lines.setdefault(name, [])
            lines[part["offset"] :] = part["content"]
        if told.get("complete"):
            run.exit_code = told["exitcode"]

    def _begun(self, told: dict[str, Any]) -> dict[str, Any]:
        run_id = told["name"]
        inserted = run_id not in self.runs
        run = self.runs.setdefault(run_id, ServedRun({}))
        run.told |= {name: value for name, value in told.items() if value is not None}
        run.beginnings += 1
        bucket = {"id": run_id, "name": run_id, "displayName": told.get("displayName")}
        lines = len(run.history)
        return {
            "bucket": {**bucket, "project": _PROJECT, "historyLineCount": lines},
            "inserted": inserted,
        }

    def _tail(self, run_id: str) -> dict[str, Any] | None:
        run = self.runs.get(run_id)
        if run is None:
            return None
        history = run.lines.get("wandb-history.jsonl", [])
        return {
            "id": run_id,
            "name": run_id,
            "displayName": run.told.get("displayName"),
            "summaryMetrics": json.dumps(run.summary),
            "logLineCount": 0,
            "historyLineCount": len(history),
            "eventsLineCount": 0,
            "historyTail": json.dumps(history[-1:]),
            "eventsTail": "[]",
            "config": run.told.get("config") or "{}",
            "tags": run.told.get("tags"),
            "wandbConfig": '{"t": 1}',
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            # One request a connection, by HTTP 1.0: a server that is closed serves nobody any more.
            def do_POST(self) -> None:
                told = json.loads(self._body() or "{}")
                if not self._may():
                    self._say({"errors": [{"message": "user is not logged in"}]}, status=401)
                elif self.path == "/graphql":
                    self._say({"data": service.answer(told["query"], told.get("variables") or {})})
                else:  # /files/<entity>/<project>/<run>/file_stream
                    service.stream(self.path.split("/")[-2], told)
                    self._say({})

            def do_PUT(self) -> None:
                self._body()
                self._say({})

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002  # its name

            def _may(self) -> bool:
                wanted = base64.b64encode(f"api:{KEY}".encode()).decode()
                return self.headers.get("Authorization") == f"Basic {wanted}"

            def _body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def _say(self, content: Any, *, status: int = 200) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
