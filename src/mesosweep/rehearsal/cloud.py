"""A whole cloud as a process that outlives who asked for it: `python -m mesosweep.rehearsal.cloud`.

Jobs and buckets are served from one folder; `cloud.json` in it says where, and what whoever began it
wants remembered. As with the real one,
jobs go on when nobody looks; unlike it, it ends by itself when nothing has been asked of it for
an hour and no job is at work, and forgets its jobs then. Buckets stay.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import ExtraMissing, MesosweepError, SettingsError, StoreError
from mesosweep.rehearsal.__main__ import journal, switches
from mesosweep.rehearsal.faults import FaultScript
from mesosweep.rehearsal.processes import ProcessRunner
from mesosweep.rehearsal.runs import Pace
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageScript

WHERE = "cloud.json"
BUCKETS, JOBS = "buckets", "jobs"
IDLE_S = 3_600.0
_LOOK_S = 1.0
_PARTS = ("service", "storage", "undocumented")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mesosweep.rehearsal.cloud")
    take = parser.add_argument
    take("--folder", type=Path, required=True, help="buckets, logs of trials, and cloud.json")
    take("--faults", default="{}", help="JSON object: service, storage, undocumented")
    take("--seed", type=int, default=0, help="of job ids and of the trials' parameters")
    take("--idle-s", type=float, default=IDLE_S, help="ends after so long without call or job")
    take("--begun", type=json.loads, default={}, help="JSON object to be kept in cloud.json")
    asked = parser.parse_args(argv)
    try:
        return _serve(
            asked.folder.absolute(),
            asked.faults,
            seed=asked.seed,
            idle_s=asked.idle_s,
            begun=asked.begun,
        )
    except MesosweepError as error:
        print(json.dumps({"error": str(error), "hint": error.hint, "code": error.exit_code}))
        return error.exit_code


def read_faults(text: str) -> tuple[FaultScript, StorageScript, Mapping[str, Any]]:
    """Return what goes wrong with jobs and with buckets, and which switches are turned.

    Raises:
        SettingsError: the text is no such JSON object.
    """
    try:
        told = json.loads(text)
    except ValueError as cause:
        raise SettingsError(f"--faults: is not JSON: {cause}.") from None
    if not isinstance(told, dict) or not told.keys() <= set(_PARTS):
        raise SettingsError(f"--faults: must be a JSON object with {', '.join(_PARTS)}.")
    service, storage, turned = (told.get(part, {}) for part in _PARTS)
    switches(turned)
    return FaultScript.read(service), StorageScript.read(storage), turned


def _serve(folder: Path, faults: str, *, seed: int, idle_s: float, begun: Mapping[str, Any]) -> int:
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        from mesosweep.rehearsal.serving import LocalJobs
    except ImportError as cause:
        raise ExtraMissing("The rehearsal", "google-cloud-aiplatform", "vertex") from cause
    script, storage_script, turned = read_faults(faults)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".cloud.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"Another rehearsed cloud is served from {folder}.") from None
        with LocalStorage(_made(folder / BUCKETS), script=storage_script) as storage:
            given = {
                "MESOSWEEP_GCS_ROOT": str(storage.root),
                "STORAGE_EMULATOR_HOST": storage.address,
            }
            jobs = LocalJobs(
                ProcessRunner(folder / JOBS, env=given),
                script=script,
                undocumented=switches(turned),
                pace=Pace(restart_s=1.0),
                seed=seed,
                tell=journal(folder / "events.jsonl"),
                rest_port=0,
            )
            with jobs:
                where = {
                    "pid": os.getpid(),
                    "endpoint": jobs.endpoint,
                    "rest_endpoint": jobs.rest_endpoint,
                    "storage": storage.address,
                    "begun": begun,
                }
                _tell(folder / WHERE, where)
                try:
                    _until_idle(jobs, storage, idle_s)
                finally:
                    (folder / WHERE).unlink(missing_ok=True)
    return 0


def _until_idle(jobs: Any, storage: LocalStorage, idle_s: float) -> None:
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who shares our terminal is meant, not we
    seen: tuple[int, object] = (0, None)
    since = time.monotonic()
    while not ending.wait(_LOOK_S):
        last = storage.calls[-1] if storage.calls else None
        now_seen = (sum(jobs.faults.calls.values()), last)
        if now_seen != seen or jobs.is_at_work:
            seen, since = now_seen, time.monotonic()
        elif time.monotonic() - since > idle_s:
            return


def _tell(path: Path, where: Mapping[str, object]) -> None:
    aside = path.with_name(f".{path.name}.aside")
    aside.write_text(json.dumps(where) + "\n", encoding="utf-8")
    aside.replace(path)
    print(json.dumps(where), flush=True)
    # Nobody need read on, and nobody's end of the pipe may end us.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, sys.stdout.fileno())
    os.close(quiet)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
