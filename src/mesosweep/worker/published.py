"""A trial whose folder lies in a bucket: trained on this machine's disk, published as it goes."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mesosweep.domain.errors import (
    CheckpointDamaged,
    MesosweepError,
    StateDamaged,
    StoreError,
    UsageError,
)
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.plugins import Registry
from mesosweep.ports import Clock
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import Circumstances, read_trial, write_metrics
from mesosweep.stores import reach
from mesosweep.stores.clock import WallClock
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_publish import Publisher
from mesosweep.worker.logged import logged
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import believed, run_trial
from mesosweep.worker.tuning import TuningReport, is_watched
from mesosweep.worker.versions import versions

_SHARE = 20
"""A trial spends at most one part in so many on being published while it trains."""
LEAST_PAUSE_S = 2.0


def run_asked(
    request: TrialRequest,
    *,
    stop: Callable[[], bool] = lambda: False,
    registry: Registry | None = None,
) -> Trial:
    """Run a trial wherever its folder lies; raises as `run_trial` and `run_published` do."""
    if request.is_in_bucket:
        return run_published(request, stop=stop, registry=registry, clock=WallClock())
    return run_trial(request, stop=stop, registry=registry)


def run_published(
    request: TrialRequest,
    *,
    stop: Callable[[], bool] = lambda: False,
    registry: Registry | None = None,
    clock: Clock,
    least_pause_s: float = LEAST_PAUSE_S,
) -> Trial:
    """Run a trial as `run_trial` does, its folder kept the same in a mounted bucket.

    A machine that is lost costs the steps since what was published last; another one goes
    on from there. A request that cannot be met is put on record as well: nobody who
    waits for the trial sees this process. Checkpoints are told by their `gs://` addresses.

    Raises:
        StoreError: the bucket is not mounted here, or what was trained cannot be published.
        MesosweepError: as `run_trial`.
    """
    place = Address.parse(str(request.folder))
    target = _mounted(request)
    if (ended := read_trial(target.metrics)) is not None:
        trial = believed(ended)
        _report(trial, target)
        return _told_from(trial, target.path, place)
    with tempfile.TemporaryDirectory(prefix="mesosweep-trial-") as disk:
        here = replace(request, output_dir=Path(disk))
        folder = TrialFolder(here.folder)
        publisher = Publisher(folder.path, target.path, clock=clock)
        publisher.restore()
        with logged(folder.log, first=_headline(request)) as log:
            share = _Share(publisher, least_pause_s=least_pause_s)
            try:
                trial = run_trial(here, stop=stop, registry=registry, share=share)
            except (UsageError, CheckpointDamaged, StateDamaged) as cause:
                log.write(f"error: {cause}\n")  # the console is told by whoever catches it
                _record_refusal(here, cause)
                publisher.publish_at_last()
                raise
            except MesosweepError as cause:
                log.write(f"error: {cause}\n")
                with suppress(StoreError):  # it is only the log; the cause says more
                    publisher.publish()
                raise
            publisher.publish_at_last()
        return _told_from(trial, folder.path, place)


class _Share:
    """Publishes now and then: what a lost machine may cost is seconds, not the trial."""

    def __init__(self, publisher: Publisher, *, least_pause_s: float) -> None:
        self._publisher = publisher
        self._least_pause_s = least_pause_s
        self._not_before_s = 0.0

    def __call__(self) -> None:
        began_s = time.monotonic()
        if began_s < self._not_before_s:
            return
        try:
            self._publisher.publish()
        except StoreError as cause:
            # The trial is whole on this disk; there will be another try, and a last one.
            print(f"Not published yet: {cause}", file=sys.stderr)
        now_s = time.monotonic()
        self._not_before_s = now_s + max(self._least_pause_s, _SHARE * (now_s - began_s))


def _mounted(request: TrialRequest) -> TrialFolder:
    folder = reach.mounted(str(request.folder))
    if folder is None:
        bucket = Address.parse(str(request.folder)).bucket
        raise StoreError(
            f"{request.folder}: gs://{bucket} is not mounted on this machine.",
            hint="A job on Vertex AI has it there; elsewhere train into a folder: --output-dir DIR",
        )
    return TrialFolder(folder)


def _headline(request: TrialRequest) -> str:
    now = datetime.now(UTC)
    return (
        f"# {now:%Y-%m-%d %H:%M:%S} pid {os.getpid()}: trial {request.trial_id} "
        f"of {request.species} stage {request.stage}, attempt {request.attempt}"
    )


def _record_refusal(request: TrialRequest, cause: MesosweepError) -> None:
    told = dict(request.injected)
    trial = Trial(
        trial_id=request.trial_id,
        attempt=request.attempt,
        status="failed",
        assignment=told,
        steps_asked=request.timesteps,
        steps_trained=0,
        reason=str(cause),
        seed=request.training_seed,
    )
    circumstances = Circumstances(
        request.species, request.algorithm, request.stage, versions=versions()
    )
    write_metrics(TrialFolder(request.folder).metrics, trial, circumstances)


def _report(trial: Trial, target: TrialFolder) -> None:
    """Tell a service once more what a trial that has ended was worth.

    The machine that trained it may have been lost in the moment between.
    """
    if is_watched() and trial.best_mean_reward is not None:
        TuningReport(target.path)(trial.best_mean_reward, step=trial.steps_trained or 0)


def _told_from(trial: Trial, folder: Path, place: Address) -> Trial:
    """Return the trial with its checkpoints told by their addresses in the bucket."""

    def told(checkpoint: Checkpoint | None) -> Checkpoint | None:
        if checkpoint is None:
            return None
        below = Path(checkpoint.uri).relative_to(folder).as_posix()
        return replace(checkpoint, uri=(place / below).uri)

    return replace(
        trial, checkpoint=told(trial.checkpoint), final_checkpoint=told(trial.final_checkpoint)
    )
