"""One trial from its words to its record, read straight down."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mesosweep import __version__
from mesosweep.domain.errors import Interrupted, MesosweepError, StoreError
from mesosweep.domain.score import Score
from mesosweep.domain.seeds import Evidence, evidence_seeds
from mesosweep.domain.trial import Checkpoint, CheckpointKind, Trial, TrialStatus
from mesosweep.plugins import Registry
from mesosweep.records import lease
from mesosweep.records.bundle import Bundle, finish_publishing, open_bundle, publish_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Circumstances, Damaged, read_trial, write_metrics
from mesosweep.records.periodic import (
    PeriodicCheckpoint,
    clear_unfinished,
    drop_periodic,
    latest_whole,
)
from mesosweep.records.progress import ProgressWriter, forget_after
from mesosweep.records.stage_config import StageConfig, write_stage_config
from mesosweep.stores.gcs_address import Address, is_remote
from mesosweep.worker.observer import TrialObserver, has_trained
from mesosweep.worker.planned import read_planned
from mesosweep.worker.prepare import Prepared, prepare
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.tracking import sweep_of, tracking
from mesosweep.worker.tuning import TuningReport
from mesosweep.worker.versions import versions


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
        return _Attempt(request, prepared, parent, folder, share).run(stop)


@dataclass
class _Attempt:
    """One process's go at a trial whose folder it holds."""

    request: TrialRequest
    prepared: Prepared
    parent: Bundle | None
    folder: TrialFolder
    share: Callable[[], None]

    def run(self, stop: Callable[[], bool]) -> Trial:
        for note in self.prepared.plan.notes:
            print(note, flush=True)
        write_stage_config(self.folder.stage_config, self._config())
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
                    return self._trial("running", observer)
                trial = self._trial("stopped", observer, reason=observer.stopped_early)
            except StoreError:
                # A full disk or a folder taken away is no fault of this trial: it may go on later.
                raise
            except FloatingPointError as cause:
                trial = self._trial("diverged", observer, reason=str(cause))
            except MesosweepError as cause:
                trial = self._trial("failed", observer, reason=str(cause))
            except Exception as cause:  # noqa: BLE001  # learners and envs break in any way; the record says how
                traceback.print_exc()
                trial = self._trial("failed", observer, reason=_told(cause))
            # The record comes last: once it is there, the trial has ended.
            write_metrics(self.folder.metrics, trial, self._circumstances(observer))
            observer.ended(trial)
        drop_periodic(self.folder.checkpoints)
        self.folder.stop.unlink(missing_ok=True)
        return trial

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
        return self._trial("finished", observer, steps=steps, panel=panel)

    def _train(self, observer: TrialObserver, *, resume: Path | None) -> int:
        learner = self.prepared.learner
        lesson = replace(self.prepared.lesson, resume=resume)
        steps = learner.train(lesson, self.prepared.ground, observer)
        final = self.folder.final(self.request.stage)
        publish_bundle(final, learner.save_final, step=steps, meta=self._meta())
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
                tracking(self.request.trackers, self._tracked(kept.step if kept else 0))
            ),
            stop=stop,
            meta=self._meta(),
            share=self.share,
        )

    def _seeds(self, evidence: Evidence, count: int) -> range:
        return evidence_seeds(
            evidence, sweep_seed=self.request.seed, stage=self.request.stage, count=count
        )

    def _trial(
        self,
        status: TrialStatus,
        observer: TrialObserver,
        *,
        steps: int | None = None,
        panel: Score | None = None,
        reason: str | None = None,
    ) -> Trial:
        plan, request = self.prepared.plan, self.request
        return Trial(
            trial_id=request.trial_id,
            attempt=request.attempt,
            status=status,
            assignment=self.prepared.assignment,
            parameters=plan.parameters,
            best_mean_reward=observer.best.score.mean_reward if observer.best else None,
            panel=panel,
            verdict=plan.gate.admits(panel) if panel else None,
            checkpoint=self._checkpoint("best", self.folder.best),
            final_checkpoint=self._checkpoint("final", self.folder.final(request.stage)),
            steps_asked=plan.timesteps,
            steps_trained=observer.step if steps is None else steps,
            duration_s=round(observer.spent_s, 3),
            reason=reason,
            seed=request.training_seed,
        )

    def _checkpoint(self, kind: CheckpointKind, policy: Path) -> Checkpoint | None:
        return Checkpoint(str(policy), kind, self.request.trial_id) if policy.exists() else None

    def _circumstances(self, observer: TrialObserver) -> Circumstances:
        return Circumstances(
            species=self.request.species,
            algorithm=self.request.algorithm,
            stage=self.request.stage,
            best=observer.best,
            last=observer.last,
            parent=self._parent(),
            versions=versions(),
        )

    def _parent(self) -> dict[str, Any] | None:
        if self.parent is None:
            return None
        told = self.request.load or ""
        # What lies in a bucket has one name everywhere, wherever it was read from.
        uri = Address.parse(told).uri if is_remote(told) else str(self.parent.policy)
        return {"uri": uri, "step": self.parent.step, "identity": self.parent.identity}

    def _meta(self) -> dict[str, Any]:
        """Return what every bundle of this trial says of itself."""
        return {**self._order(), "parent": self._parent()}

    def _order(self) -> dict[str, Any]:
        request = self.request
        return {
            "species": request.species,
            "algorithm": request.algorithm,
            "stage": request.stage,
            "attempt": request.attempt,
            "trial_id": request.trial_id,
            "parameters": dict(self.prepared.plan.parameters),
        }

    def _tracked(self, step: int) -> dict[str, Any]:
        """Return what trackers are told of the trial; see `ports.Tracker`."""
        return {
            **self._order(),
            "seed": self.request.training_seed,
            "timesteps": self.prepared.plan.timesteps,
            "sweep": sweep_of(self.request),
            "folder": str(self.folder.path),
            "step": step,
        }

    def _config(self) -> StageConfig:
        plan, request = self.prepared.plan, self.request
        return StageConfig(
            species=plan.species,
            stage=plan.stage,
            name=plan.stage_name,
            algorithm=plan.algorithm,
            reward_weights=plan.training,
            reference=plan.reference,
            hyperparameters=plan.hyperparameters,
            curriculum=plan.curriculum,
            gate=asdict(plan.gate),
            run={
                "trial_id": request.trial_id,
                "attempt": request.attempt,
                "seed": request.training_seed,
                "sweep_seed": request.seed,
                "timesteps": plan.timesteps,
                "n_envs": plan.n_envs,
                "eval_freq": request.eval_freq,
                "eval_episodes": request.eval_episodes,
                "panel_episodes": request.panel_episodes,
                "save_freq": request.save_freq,
                "device": request.device,
                "load": request.load,
            },
            library_version=__version__,
            versions=versions(),
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
