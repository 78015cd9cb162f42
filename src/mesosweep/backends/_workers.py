"""Trials as processes of this machine. What lies in their folders is the truth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from mesosweep.backends._log import cause_of, last_line
from mesosweep.backends._orders import (
    begun,
    ended,
    folder_of,
    keep_order,
    record_lost,
    running,
)
from mesosweep.backends._preloading import modules_for
from mesosweep.backends._server import start_worker
from mesosweep.domain.errors import Interrupted, StoreError
from mesosweep.domain.study import Study, trial_arguments
from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.plugins import Registry
from mesosweep.ports import Clock, TrialOrder
from mesosweep.records import lease
from mesosweep.records.bundle import open_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.progress import all_evaluations
from mesosweep.records.stop import write_stop
from mesosweep.stores import reach

MAIN = "mesosweep.worker.process:main"
"""Named, not imported: nothing that trains is loaded into the supervisor."""
GENTLE_S = 10.0
"""So long may workers take to write a checkpoint when told to stop."""
_LOOK_S = 0.25
STALL_S = 1_800.0
"""A worker whose progress says nothing for so long hangs. The longest silence of a sound one is
its panel, or one update; both take minutes at the most."""
_WHOLE = 1 << 62
"""Stands for the last step of a trial that has ended: its evaluations are read once more."""
_GOES = 3
"""So often is one trial taken up in one process; what ends it each time is no accident then."""


@dataclass
class _Worker:
    order: TrialOrder
    process: ForkServerProcess
    pipe: Connection
    since_s: float
    goes: int


@dataclass
class _Known:
    """What this process remembers of a study; all of it can be read from disk again."""

    orders: dict[str, TrialOrder] = field(default_factory=dict)
    ended: dict[str, Trial] = field(default_factory=dict)
    workers: dict[str, _Worker] = field(default_factory=dict)
    curves: dict[str, tuple[int, Sequence[Evaluation]]] = field(default_factory=dict)
    """Trial id → last step that was on record when its evaluations were read, and these."""


class LocalRunner:
    """A `ports.TrialRunner` over one process per trial."""

    def __init__(self, registry: Registry | None = None, *, stall_s: float = STALL_S) -> None:
        self._registry = registry or Registry()
        self._stall_s = stall_s
        self._studies: dict[str, _Known] = {}
        self._whole_parents: set[str] = set()

    def known(self, study: Study) -> Sequence[Trial]:
        """Return the trials of the study whose folders are there; raises StateDamaged."""
        mine = self._mine(study)
        mine.orders = begun(study) | mine.orders
        return self._trials(study)

    def start(self, order: TrialOrder) -> None:
        """Begin a trial or go on with it, once nobody else is at work in its folder.

        Raises:
            CheckpointDamaged: the bundle that the study starts from is not whole.
            StoreError: the folder cannot be written.
        """
        self._check_parent(order.study)
        folder = folder_of(order)
        lease.free(folder.path)
        mine = self._mine(order.study)
        if order.trial_id not in mine.orders:
            keep_order(order)
            mine.orders[order.trial_id] = order
        # Its holder may have finished it while we waited.
        if self._ended(order.study, order.trial_id) is None:
            mine.workers[order.trial_id] = self._worker(order, folder)

    def poll(self, study: Study) -> Sequence[Trial]:
        mine = self._mine(study)
        for worker in list(mine.workers.values()):
            self._look_at(worker)
        return self._trials(study)

    def evaluations(self, study: Study, trial: Trial) -> Sequence[Evaluation]:
        """Return what the trial's folder tells; read again only when there is more."""
        curves = self._mine(study).curves
        last = trial.progress.last_evaluation if trial.progress else None
        step = _WHOLE if trial.has_ended else last.step if last else -1
        if curves.get(trial.trial_id, (None, ()))[0] != step:
            folder = TrialFolder(Path(study.folder) / trial.trial_id)
            curves[trial.trial_id] = step, all_evaluations(folder.progress)
        return curves[trial.trial_id][1]

    def end_early(self, study: Study, trial: Trial, reason: str) -> None:
        write_stop(TrialFolder(Path(study.folder) / trial.trial_id).stop, reason)

    def capacity(self, study: Study) -> int:
        return study.parallel - len(self._mine(study).workers)

    def wait(self, study: Study, clock: Clock) -> None:
        """Return when a worker has ended, or after a quarter of a second."""
        workers = self._mine(study).workers.values()
        if workers:
            wait([worker.process.sentinel for worker in workers], timeout=_LOOK_S)
        else:
            clock.sleep(_LOOK_S)

    def stop(self, study: Study, *, gently: bool) -> None:
        """End all workers and return when they have ended; their trials can go on later."""
        workers = self._mine(study).workers
        if gently:
            for worker in workers.values():
                _ask_to_stop(worker)
            deadline = time.monotonic() + GENTLE_S
            for worker in workers.values():
                worker.process.join(max(0.0, deadline - time.monotonic()))
        for worker in list(workers.values()):
            self._kill(worker)
            self._let_go(worker)

    # ── looking ──────────────────────────────────────────────────────────────

    def _trials(self, study: Study) -> Sequence[Trial]:
        orders = self._mine(study).orders
        in_order = sorted(orders, key=lambda i: (int(i), "") if i.isdigit() else (1 << 62, i))
        return [self._ended(study, trial_id) or running(orders[trial_id]) for trial_id in in_order]

    def _ended(self, study: Study, trial_id: str) -> Trial | None:
        """Return the trial if its record is there; a record is read once."""
        mine = self._mine(study)
        if trial_id in mine.ended or trial_id in mine.workers:
            return mine.ended.get(trial_id)
        trial = ended(mine.orders[trial_id])
        if trial is not None:
            mine.ended[trial_id] = trial
        return trial

    def _look_at(self, worker: _Worker) -> None:
        """Take note of a worker that has ended, or has taken too long."""
        code = worker.process.exitcode
        limit_s = worker.order.study.trial_timeout_s
        if code is not None:
            self._let_go(worker)
            self._settle(worker, code)
        elif limit_s is not None and time.monotonic() - worker.since_s > limit_s:
            self._kill(worker)
            self._let_go(worker)
            record_lost(worker.order, "timed_out", f"no end within {limit_s:g} s (--trial-timeout)")
        elif (silent_s := _silence(worker)) > self._stall_s:
            self._kill(worker)
            self._let_go(worker)
            record_lost(worker.order, "timed_out", f"no sign of life for {silent_s:.0f} s")

    def _settle(self, worker: _Worker, code: int) -> None:
        """Decide what a worker's end means for its trial."""
        order = worker.order
        folder = folder_of(order)
        # Where the server died, nobody knows how the worker ended, or whether it has.
        lease.free(folder.path, patience_s=0.0)
        if self._ended(order.study, order.trial_id) is not None:
            return
        if code in _INNOCENT and worker.goes < _GOES:
            again = self._worker(order, folder, goes=worker.goes + 1)
            self._mine(order.study).workers[order.trial_id] = again
        elif code == StoreError.exit_code:
            raise StoreError(
                f"Trial {order.trial_id}: {last_line(folder.log)}",
                hint="Finished trials are kept; once this is mended, the same command goes on.",
            )
        else:
            record_lost(order, "failed", cause_of(code, folder.log))

    # ── workers ──────────────────────────────────────────────────────────────

    def _worker(self, order: TrialOrder, folder: TrialFolder, *, goes: int = 1) -> _Worker:
        study = order.study
        process, pipe = start_worker(
            MAIN,
            (*trial_arguments(study, order.assignment), f"--output-dir={study.folder}"),
            trial_id=order.trial_id,
            log=folder.log,
            preload=modules_for(study, self._registry),
        )
        return _Worker(order, process, pipe, time.monotonic(), goes)

    def _kill(self, worker: _Worker) -> None:
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()

    def _let_go(self, worker: _Worker) -> None:
        worker.pipe.close()
        del self._mine(worker.order.study).workers[worker.order.trial_id]

    def _check_parent(self, study: Study) -> None:
        if study.load is not None and study.load.uri not in self._whole_parents:
            open_bundle(reach.bundle(study.load.uri))
            self._whole_parents.add(study.load.uri)

    def _mine(self, study: Study) -> _Known:
        return self._studies.setdefault(study.key, _Known())


_INNOCENT = frozenset((Interrupted.exit_code, 255))
"""Somebody else told the worker to stop, or the fork server went down (multiprocessing then
answers 255): the trial goes on from its checkpoint."""


def _silence(worker: _Worker) -> float:
    """Return the seconds since the worker began, or since its last line of progress."""
    since_began_s = time.monotonic() - worker.since_s
    try:
        written = folder_of(worker.order).progress.stat().st_mtime
    except OSError:  # it has written nothing yet
        return since_began_s
    return min(since_began_s, time.time() - written)


def _ask_to_stop(worker: _Worker) -> None:
    with suppress(OSError):  # it may have ended meanwhile
        worker.pipe.send_bytes(b"stop")
