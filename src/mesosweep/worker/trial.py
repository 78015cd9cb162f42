"""One trial from its words to its record, read straight down."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from mesosweep.domain.errors import Interrupted, MesosweepError, StoreError
from mesosweep.domain.score import Score
from mesosweep.domain.seeds import Evidence, evidence_seeds
from mesosweep.domain.trial import Trial
from mesosweep.plugins import Registry
from mesosweep.records import lease
from mesosweep.records.bundle import finish_publishing, open_bundle, publish_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Damaged, read_trial, write_metrics
from mesosweep.records.periodic import (
    PeriodicCheckpoint,
    clear_unfinished,
    drop_periodic,
    latest_whole,
)
from mesosweep.records.progress import ProgressWriter, forget_after
from mesosweep.records.stage_config import write_stage_config
from mesosweep.worker.account import Account
from mesosweep.worker.observer import TrialObserver, has_trained
from mesosweep.worker.planned import read_planned
from mesosweep.worker.prepare import Prepared, prepare
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.tracking import tracking
from mesosweep.worker.tuning import TuningReport, is_watched


def run_trial(
    request: TrialRequest,
    *,
    stop: Callable[[], bool] = lambda: False,
    registry: Registry | None = None,
    share: Callable[[], None] = lambda: None,
) -> Trial:
    """Train and judge one trial, and leave its record in its folder.

    A trial that has ended is not run again; one that was interrupted goes on from
    its last whole checkpoint. When `stop` says so it writes a checkpoint and comes
    back `running`, in the middle of an evaluation or of the panel too. What goes wrong
    while training is recorded, not raised. `share` is called whenever its folder has
    changed and every file in it is whole.

    Raises:
        UsageError: the request cannot be met, or is not what its study was planned as;
            nothing was written.
        StoreError: the folder, or the bundle to start from, cannot be used.
        SweepLocked: another process is training this very trial.
    """
    folder = TrialFolder(request.folder)
    if (ended := read_trial(folder.metrics)) is not None:
        return believed(ended)
    registry = registry or Registry()
    planned = read_planned(request, registry) if request.study else None
    prepared = prepare(request, registry)
    if planned is not None:
        planned.check(prepared)
    parent = open_bundle(prepared.lesson.parent) if prepared.lesson.parent else None
    prepared.learner.check(prepared.lesson, prepared.ground)
    with lease.hold(folder.path):
        if (ended := read_trial(folder.metrics)) is not None:
            return believed(ended)
        account = Account(request, prepared, parent, folder)
        return _Attempt(request, prepared, folder, account, share).run(stop)


@dataclass
class _Attempt:
    """One process's go at a trial whose folder it holds."""

    request: TrialRequest
    prepared: Prepared
    folder: TrialFolder
    account: Account
    share: Callable[[], None]

    def run(self, stop: Callable[[], bool]) -> Trial:
        for note in self.prepared.plan.notes:
            print(note, flush=True)
        write_stage_config(self.folder.stage_config, self.account.config())
        kept = self._kept()
        with ExitStack() as stack:
            observer = self._observer(stack, stop, kept)
            if kept is not None:
                observer.go_on(kept)
            observer.begin()
            try:
                trial = self._finished(observer, kept)
            except Interrupted:
                if observer.stopped_early is None:
                    return self.account.trial("running", observer)
                trial = self.account.trial("stopped", observer, reason=observer.stopped_early)
            except StoreError:
                # A full disk or a folder taken away is no fault of this trial: it may go on later.
                raise
            except FloatingPointError as cause:
                trial = self.account.trial("diverged", observer, reason=str(cause))
            except MesosweepError as cause:
                trial = self.account.trial("failed", observer, reason=str(cause))
            except Exception as cause:  # noqa: BLE001  # learners and envs break in any way; the record says how
                traceback.print_exc()
                trial = self.account.trial("failed", observer, reason=_told(cause))
            # The record comes last: once it is there, the trial has ended.
            write_metrics(self.folder.metrics, trial, self.account.circumstances(observer))
            observer.ended(trial)
            if trial.status == "diverged":
                self._report_start(observer)
        drop_periodic(self.folder.checkpoints)
        self.folder.stop.unlink(missing_ok=True)
        return trial

    def _report_start(self, observer: TrialObserver) -> None:
        """Report what was begun with, where training came to no number at all.

        A tuning service takes a trial that measured nothing for one that failed, and a few of
        these for a broken image. This one ran: its parameters are worth no more than its start.
        What goes wrong here changes nothing about the record, and is told in the log alone.
        """
        if observer.best is not None or not is_watched():
            return
        try:
            start = self.prepared.learner.untrained(self.prepared.lesson, self.prepared.ground)
            observer.report_start(start)
        except Interrupted:
            print("What training began with is not reported: the trial was stopped.", flush=True)
        except Exception:  # noqa: BLE001  # what made training diverge may break this too
            traceback.print_exc()
            print("What training began with could not be reported.", file=sys.stderr)

    def _finished(self, observer: TrialObserver, kept: PeriodicCheckpoint | None) -> Trial:
        """Train to the end, publish, and face the panel."""
        if kept is not None and has_trained(kept):
            steps = kept.step
        else:
            steps = self._train(observer, resume=kept.folder if kept else None)
        if observer.best is None:
            raise FloatingPointError("no evaluation had a finite mean reward")
        learner, ground, trust = self.prepared.learner, self.prepared.ground, self.request.trust
        # Read back from the disk: what is judged is what is handed on.
        best = learner.load(open_bundle(self.folder.best).policy, ground, trust=trust)
        panel = Score.of(observer.play(best, self._seeds("panel", self.request.panel_episodes)))
        return self.account.trial("finished", observer, steps=steps, panel=panel)

    def _train(self, observer: TrialObserver, *, resume: Path | None) -> int:
        learner = self.prepared.learner
        lesson = replace(self.prepared.lesson, resume=resume)
        steps = learner.train(lesson, self.prepared.ground, observer)
        final = self.folder.final(self.request.stage)
        publish_bundle(final, learner.save_final, step=steps, meta=self.account.meta())
        observer.trained(steps)
        return steps

    def _kept(self) -> PeriodicCheckpoint | None:
        """Put in order what a lost worker left, and return the checkpoint to go on from."""
        for policy in (self.folder.best, self.folder.final(self.request.stage)):
            finish_publishing(policy)
        clear_unfinished(self.folder.checkpoints)
        kept, passed_over = latest_whole(self.folder.checkpoints)
        for reason in passed_over:
            print(f"A checkpoint was passed over: {reason}", file=sys.stderr)
        if kept is not None:
            print(f"Going on from step {kept.step:,}.", flush=True)
        forget_after(self.folder.progress, kept.step if kept is not None else -1)
        return kept

    def _observer(
        self, stack: ExitStack, stop: Callable[[], bool], kept: PeriodicCheckpoint | None
    ) -> TrialObserver:
        return TrialObserver(
            self.folder,
            ground=self.prepared.ground,
            seeds=self._seeds("select", self.request.eval_episodes),
            progress=stack.enter_context(ProgressWriter(self.folder.progress)),
            report=TuningReport(self.folder.path),
            track=stack.enter_context(
                tracking(self.request.trackers, self.account.tracked(kept.step if kept else 0))
            ),
            stop=stop,
            meta=self.account.meta(),
            share=self.share,
            demand=self.account.demand,
        )

    def _seeds(self, evidence: Evidence, count: int) -> range:
        return evidence_seeds(
            evidence, sweep_seed=self.request.seed, stage=self.request.stage, count=count
        )


def believed(ended: Trial | Damaged) -> Trial:
    """Return the trial of a record; raises StoreError when it cannot be believed."""
    if isinstance(ended, Damaged):
        raise StoreError(
            f"{ended.reason.rstrip('.')}.",
            hint=f"Restore the file, or remove it to train the trial again: {ended.path}",
        )
    return ended


def _told(cause: Exception) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
