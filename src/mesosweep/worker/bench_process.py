"""A process that measures, seen from outside; and what the machine has room for."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import MesosweepError
from mesosweep.worker.bench import Found, Subject, What
from mesosweep.worker.check import known_error, last_line

_PATIENCE_S = 180.0
"""No single measurement takes longer, importing torch on a busy machine included."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class BenchFailed(MesosweepError):
    """A process that measures died without saying why."""


class BenchProcess:
    """A `Bencher` of this machine."""

    def __init__(self, subject: Subject) -> None:
        # Not a pipe: nobody reads it while there is an answer to wait for.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mesosweep.worker.benching"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **dict.fromkeys(_THREADS, "1")},
        )
        self._tell(
            {"species": subject.species, "algorithm": subject.algorithm, "stage": subject.stage}
        )

    def get_ready(self) -> None:
        self._hear()

    def begin(self, what: What, *, n_envs: int, seconds: float) -> None:
        self._tell({"what": what, "n_envs": n_envs, "seconds": seconds})

    def answer(self) -> Found:
        told = self._hear()
        return Found(**told)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def _tell(self, words: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        # A process that is gone has said why, and `_hear` reads it.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(words).encode() + b"\n")
            self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            if not ready.select(_PATIENCE_S):
                raise BenchFailed(f"A measurement took longer than {_PATIENCE_S:.0f} s.")
        try:
            told: dict[str, Any] = json.loads(self._process.stdout.readline())
        except ValueError:
            self._process.wait()
            self._complaints.seek(0)
            why = last_line(self._complaints.read())
            raise BenchFailed(f"The process that measures ended: {why}") from None
        if "error" in told:
            raise known_error(told["error"])
        return told


def free_memory_bytes() -> int | None:
    """Return the memory that new processes may take; None where the system does not tell."""
    found = [*_available(), *_left_to_the_group()]
    return min(found) if found else None


def _available() -> Iterator[int]:
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("MemAvailable:")]
        yield int(line.split()[1]) * 1024


def _left_to_the_group() -> Iterator[int]:
    """Yield what a container's limit leaves (cgroup v2); nothing where there is none."""
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        limit = int((group / "memory.max").read_text())
        yield max(0, limit - int((group / "memory.current").read_text()))
