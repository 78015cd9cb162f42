"""A runner that executes every trial as a process of its own, as its container would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from mesosweep.rehearsal.environment import METRIC_FILE
from mesosweep.rehearsal.reports import Reports
from mesosweep.rehearsal.running import Exit, Launch, Sighting

GRACE_S = 15.0
"""So long may a process take to end when asked to; then it is killed."""
_PRIVATE = ("MESOSWEEP_", "CLOUD_ML_", "AIP_", "WANDB_", "TF_CONFIG", "CLUSTER_SPEC")
"""What a container would not inherit from the terminal in which the rehearsal was started."""
_IMAGE = {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""What the trainer's image sets; trials side by side must not fight over cores here either."""
_TAIL_BYTES = 4_096


@dataclass(slots=True)
class _Process:
    handle: subprocess.Popen[bytes]
    reports: Reports
    folder: Path
    stopped_at: datetime | None = None


class ProcessRunner:
    """A `running.TrialRunner` over processes of this machine.

    Each process has a group of its own, killed as a whole, and a guard that kills it when this
    process dies in whatever way. Images are not pulled: the command is looked for beside this
    interpreter first, then on PATH.
    """

    def __init__(
        self,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        """Keep logs and metric files under `folder`, in `<custom job>/`.

        `env` is added to every process; `inherited` (default: this process' environment) is
        what it may inherit, less what a container could not.
        """
        self._folder = folder.absolute()
        world = os.environ if inherited is None else inherited
        kept = {k: v for k, v in world.items() if not k.startswith(_PRIVATE)}
        beside = str(Path(sys.executable).parent)
        path = os.pathsep.join(filter(None, [beside, kept.get("PATH")]))
        self._env = {**kept, **_IMAGE, "PATH": path, **(env or {})}
        self._processes: dict[str, _Process] = {}

    def start(self, launch: Launch, *, now: datetime) -> None:
        old = self._processes.get(launch.run_id)
        folder = self._folder / launch.run_id
        folder.mkdir(parents=True, exist_ok=True)
        metrics = folder / "output.metrics"
        metrics.unlink(missing_ok=True)  # a restarted container has a new disk
        env = {**self._env, **launch.env, METRIC_FILE: str(metrics)}
        guard = str(Path(__file__).with_name("_guard.py"))
        with self.log(launch.run_id).open("ab") as log:
            handle = subprocess.Popen(  # noqa: S603  # the job's own command
                [sys.executable, "-I", "-S", guard, *launch.argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=env,
                cwd=folder,
                start_new_session=True,
            )
        reports = old.reports if old else Reports(launch.metrics, now)
        self._processes[launch.run_id] = _Process(handle, reports, folder)

    def look(self, run_id: str, *, now: datetime) -> Sighting:
        process = self._processes[run_id]
        if process.stopped_at is not None and now - process.stopped_at >= timedelta(
            seconds=GRACE_S
        ):
            self.kill(run_id, now=now)
        # The end is looked for first: what it wrote before it ended is then there to be read.
        code = process.handle.poll()
        self._read(process)
        if code is None:
            return Sighting(process.reports.all())
        _close(process.handle.stdin)
        return Sighting(process.reports.all(), Exit(code, self._last_words(run_id) if code else ""))

    def stop(self, run_id: str, *, now: datetime) -> None:
        process = self._processes[run_id]
        if process.stopped_at is None:
            process.stopped_at = now
            _signal(process.handle, signal.SIGTERM)

    def kill(self, run_id: str, *, now: datetime) -> None:  # noqa: ARG002  # the seam's shape
        process = self._processes[run_id]
        _signal(process.handle, signal.SIGKILL)
        process.handle.wait()

    def next_change(self, *, after: datetime) -> datetime | None:  # noqa: ARG002
        return None

    def close(self) -> None:
        for process in self._processes.values():
            _signal(process.handle, signal.SIGKILL)
            process.handle.wait()
            _close(process.handle.stdin)
        self._processes.clear()

    def log(self, run_id: str) -> Path:
        """Return where a run's processes write what they say."""
        return self._folder / run_id / "worker.log"

    def _read(self, process: _Process) -> None:
        try:
            text = (process.folder / "output.metrics").read_text(errors="replace")
        except FileNotFoundError:
            return
        process.reports.read(text)

    def _last_words(self, run_id: str) -> str:
        with self.log(run_id).open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            lines = log.read().decode(errors="replace").splitlines()
        said = [line.rstrip() for line in lines if line.strip()]
        # An error's hints are indented below it; a traceback ends at the margin.
        begin = max((n for n, line in enumerate(said) if not line.startswith(" ")), default=0)
        return " ".join(line.strip() for line in said[begin:])


def _signal(handle: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # Once it was waited for, its number may belong to somebody else.
    if handle.poll() is None:
        os.killpg(handle.pid, number)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        pipe.close()
