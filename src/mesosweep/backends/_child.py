"""The first and last thing that runs in a worker: whatever ties it to its supervisor."""

from __future__ import annotations

import faulthandler
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from mesosweep.plugins import resolve

ORPHANED = 3
"""Exit code of a worker whose supervisor vanished; nobody is left to read it."""


def run_worker(main: str, argv: Sequence[str], trial_id: str, log: str, pipe: Connection) -> None:
    """Run `main(argv, stop)` as one trial and exit with what it returns.

    `main` is named, not imported, as is whatever it needs. A byte on the pipe asks it
    to stop; the pipe's end means that the supervisor is gone.
    """
    # Ctrl-C reaches the whole terminal; only the supervisor may answer it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _write_to(Path(log))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_watch, args=(pipe, stop), name="supervisor", daemon=True).start()
    os.environ["CLOUD_ML_TRIAL_ID"] = trial_id
    # Each trial reports into its own folder, whatever the supervisor's environment says.
    for service in ("CLOUD_ML_HP_METRIC_FILE", "CLOUD_ML_JOB_ID"):
        os.environ.pop(service, None)
    began = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} pid {os.getpid()}"
    command = shlex.join(["mesosweep", *argv]) if argv[0] == "trial" else main
    print(f"# {began}: CLOUD_ML_TRIAL_ID={trial_id} {command}")
    code = resolve(main, what="the trial's worker")(argv, stop.is_set)
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is published; interpreters with torch in them take long to end politely.
    os._exit(code)


def _watch(pipe: Connection, stop: threading.Event) -> None:
    """Wait for a byte or the end of the pipe; on its end leave at once.

    Publishing is a rename, so whatever the training thread was about to publish is
    simply not there.
    """
    try:
        while True:
            pipe.recv_bytes()
            stop.set()
    except (EOFError, OSError):
        os._exit(ORPHANED)


def _write_to(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for standard in (1, 2):
        os.dup2(handle, standard)
    os.close(handle)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    faulthandler.enable(sys.stderr)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
