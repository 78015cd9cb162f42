"""The rehearsed JobService as a process of its own: `python -m mesosweep.rehearsal --folder DIR`.

Tells where it listens in one line of JSON on stdout, and ends, with all its trials, when its
stdin is closed: whoever started it need not outlive it properly.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import ExtraMissing, MesosweepError, SettingsError, did_you_mean
from mesosweep.rehearsal.faults import FaultScript
from mesosweep.rehearsal.json_file import read_object
from mesosweep.rehearsal.processes import ProcessRunner
from mesosweep.rehearsal.runs import Pace
from mesosweep.rehearsal.undocumented import Undocumented


def main(argv: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    try:
        return _serve(asked)
    except MesosweepError as error:
        print(error, file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code


def _serve(asked: argparse.Namespace) -> int:
    try:
        from mesosweep.rehearsal.serving import LocalJobs
    except ImportError as cause:
        raise ExtraMissing("The rehearsal", "google-cloud-aiplatform", "vertex") from cause
    runner = ProcessRunner(asked.folder, env=_variables(asked.env))
    jobs = LocalJobs(
        runner,
        script=FaultScript.read(_entries(asked.faults)),
        undocumented=switches(_entries(asked.undocumented)),
        pace=Pace(restart_s=asked.restart_s),
        seed=asked.seed,
        project=asked.project,
        entry_point=tuple(shlex.split(asked.entry_point)),
        tell=journal(asked.folder / "events.jsonl"),
        port=asked.port,
        rest_port=asked.rest_port,
    )
    with jobs:
        _end_with_stdin()
        where = {"endpoint": jobs.endpoint, "rest_endpoint": jobs.rest_endpoint}
        print(json.dumps({**where, "pid": os.getpid(), "folder": str(asked.folder)}), flush=True)
        _ENDING.wait()
    return 0


_ENDING = threading.Event()


def _end_with_stdin() -> None:
    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1_024):
            pass
        _ENDING.set()

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: _ENDING.set())
    # Ctrl-C reaches the whole terminal; only who holds our stdin may answer it, if anybody does.
    answer = (lambda *_: _ENDING.set()) if sys.stdin.isatty() else signal.SIG_IGN
    signal.signal(signal.SIGINT, answer)


def journal(path: Path) -> Callable[[str, Mapping[str, object]], None]:
    """Return what appends each event to a file, for who wants to know what was rehearsed."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def tell(event: str, facts: Mapping[str, object]) -> None:
        line = {"at": datetime.now(UTC).isoformat(), "event": event, **facts}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    return tell


def _entries(path: Path | None) -> Mapping[str, Any]:
    return {} if path is None else read_object(path, where=str(path))


def switches(entries: Mapping[str, Any]) -> Undocumented:
    names = [field.name for field in fields(Undocumented)]
    for key in entries:
        if key not in names:
            raise SettingsError(
                f"undocumented: {key}: unknown switch.",
                hint=f"{did_you_mean(key, names)}Known: {', '.join(names)}",
            )
    return Undocumented(**entries)


def _variables(words: Sequence[str]) -> Mapping[str, str]:
    for word in words:
        if "=" not in word:
            raise SettingsError(f"--env {word}: write NAME=VALUE.")
    return dict(word.split("=", 1) for word in words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mesosweep.rehearsal", description=__doc__)
    take = parser.add_argument
    take("--folder", type=Path, required=True, help="logs and metric files of trials; events.jsonl")
    take("--port", type=int, default=0, help="of gRPC; 0: a free one")
    take("--rest-port", type=int, default=0, help="of REST; 0: a free one")
    take("--faults", type=Path, help="JSON file: what goes wrong")
    take("--undocumented", type=Path, help="JSON file: what the real service may do otherwise")
    take("--seed", type=int, default=0, help="of job ids and of the trials' parameters")
    take("--project", help="the one project that exists; default: all do")
    take("--restart-s", type=float, default=0.0, help="from a preemption until the restart")
    take("--entry-point", default="mesosweep", help="what a container without a command executes")
    take("--env", action="append", default=[], metavar="NAME=VALUE", help="given to every trial")
    return parser


if __name__ == "__main__":
    sys.exit(main())
