"""The process that workers are forked from: it has imported everything and runs nothing."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from weakref import WeakSet

from mesosweep.backends import _child, _preload
from mesosweep.domain.errors import BackendError

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""One thread each: trials are parallel already, and small networks only lose by more."""

_TRIES = 3
_PAUSE_S = 0.1
"""Between two tries: a server that was told to end still counts as running until it has."""


def start_worker(
    main: str, argv: Sequence[str], *, trial_id: str, log: Path, preload: Sequence[str]
) -> tuple[ForkServerProcess, Connection]:
    """Fork a worker that runs `main(argv, stop)`; returns it and our end of its pipe.

    The server is started by the first call, with `preload` imported in it.

    Raises:
        BackendError: the system refuses another process.
    """
    for number in range(_TRIES):
        time.sleep(_PAUSE_S if number else 0.0)
        try:
            return _started(main, argv, trial_id=trial_id, log=log, preload=preload)
        except (EOFError, OSError) as cause:
            # The server went down, maybe while forking; the next try starts another one.
            reason = f"{type(cause).__name__}: {cause}"
    raise BackendError(
        f"No worker can be started on this machine ({reason}).",
        hint="Fewer trials at a time (--parallel) need less memory and fewer processes.",
    )


def _started(
    main: str, argv: Sequence[str], *, trial_id: str, log: Path, preload: Sequence[str]
) -> tuple[ForkServerProcess, Connection]:
    context = get_context("forkserver")
    ours, theirs = context.Pipe()
    worker = context.Process(
        target=_child.run_worker,
        args=(main, tuple(argv), trial_id, str(log), theirs),
        name=f"mesosweep-trial-{trial_id}",
    )
    try:
        with _environment(preload), _without_main():
            context.set_forkserver_preload([_preload.__name__])
            # Before the block: starting the tracker would lift it.
            resource_tracker.ensure_running()
            with _without_ctrl_c():
                forkserver.ensure_running()
            worker.start()
    except BaseException:
        ours.close()
        raise
    finally:
        # Only the worker may hold its end, or its death would not close the pipe.
        theirs.close()
    _alive.add(worker)
    return worker, ours


_alive: WeakSet[ForkServerProcess] = WeakSet()


@atexit.register
def _end_all() -> None:
    """End what still runs; multiprocessing would wait for it, however long it takes."""
    for worker in list(_alive):
        if worker.exitcode is None:
            worker.kill()


@contextmanager
def _environment(preload: Sequence[str]) -> Iterator[None]:
    """Set what the server reads once, when it starts; ours stays as it was."""
    told = dict.fromkeys(THREADS, "1") | {_preload.PRELOAD: _preload.order(preload)}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the main module: every worker would run it anew, command line, imports and all."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Block SIGINT, which a process that is started meanwhile inherits for good, and its forks too.

    A worker that learned to ignore Ctrl-C a moment after its birth could die in
    between. What arrives here meanwhile is delivered afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
