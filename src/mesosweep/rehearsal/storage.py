"""A rehearsed Cloud Storage on a port of this machine, for unmodified clients.

    with LocalStorage(folder) as storage:
        os.environ["STORAGE_EMULATOR_HOST"] = storage.address

or as a process, `python -m mesosweep.rehearsal.storage --root DIR`, that tells its address in one
line of JSON and ends when its standard input is closed.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from mesosweep.domain.errors import MesosweepError, SettingsError, StoreError
from mesosweep.ports import Clock
from mesosweep.rehearsal.storage_answers import Request
from mesosweep.rehearsal.storage_conditions import Refusal
from mesosweep.rehearsal.storage_faults import StorageFaults, StorageScript
from mesosweep.rehearsal.storage_service import Call, StorageService


class LocalStorage:
    """Serves a folder as buckets, from `start` to `close`, in threads of its own.

    The folder is kept: served again, its objects have the generations and metadata they had.
    """

    def __init__(
        self,
        root: Path,
        *,
        script: StorageScript | None = None,
        clock: Clock | None = None,
        port: int = 0,
    ) -> None:
        self.root = root
        """Where `/gcs` is mounted, so to say: each folder in it is a bucket."""
        self._service = StorageService(root, clock or _Clock(), script or StorageScript())
        try:
            self._server = _Server(("127.0.0.1", port), self._service)
        except OSError as cause:
            raise StoreError(f"Port {port} cannot be served: {cause.strerror or cause}.") from cause
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def address(self) -> str:
        """What STORAGE_EMULATOR_HOST is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls so far, in the order of their answers."""
        return tuple(self._service.calls)

    def make_bucket(self, bucket: str) -> Path:
        """Make a bucket where there is none yet, and return its folder.

        Raises:
            SettingsError: no bucket can have this name.
        """
        try:
            self._service.shelf.make_bucket(bucket)
        except Refusal as refusal:
            if refusal.status != 409:
                raise SettingsError(refusal.message) from refusal
        return self.root / bucket

    def play(self, script: StorageScript) -> None:
        """Let other things go wrong from now on; calls are counted anew."""
        self._service.faults = StorageFaults(script)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Serve no more; connections that are open end. Idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> LocalStorage:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that closing leaves none behind."""

    daemon_threads = True
    block_on_close = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], service: StorageService) -> None:
        self.service = service
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_close(self) -> None:
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that hangs up in the middle is none of our business; anything else is a fault.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests whole, and answers them in turn."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def _serve(self) -> None:
        told = urlsplit(self.path)
        pairs = parse_qsl(told.query, keep_blank_values=True)
        request = Request(
            verb=self.command,
            path=told.path,
            query=dict(pairs),
            permissions=tuple(value for name, value in pairs if name == "permissions"),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        response = self.server.service.answer(request)
        if response is None:
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status not in (204, 304):
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  # names that the server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing: `calls` knows."""


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve a folder until standard input is closed."""
    parser = argparse.ArgumentParser(prog="python -m mesosweep.rehearsal.storage")
    parser.add_argument("--root", type=Path, required=True, help="folder of the buckets")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--bucket", action="append", default=[], help="make it when missing")
    parser.add_argument("--faults", type=Path, help="JSON file of what goes wrong")
    told = parser.parse_args(argv)
    try:
        script = StorageScript.read(json.loads(told.faults.read_text())) if told.faults else None
        told.root.mkdir(parents=True, exist_ok=True)
        with LocalStorage(told.root, script=script, port=told.port) as storage:
            for bucket in told.bucket:
                storage.make_bucket(bucket)
            line = {"address": storage.address, "root": str(told.root), "pid": os.getpid()}
            print(json.dumps(line), flush=True)
            sys.stdin.read()
    except MesosweepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except (OSError, ValueError) as error:
        print(f"{told.faults or told.root}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
