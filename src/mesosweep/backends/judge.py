"""The judge of this machine: a hearing is a worker like any other."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from mesosweep.backends._log import cause_of
from mesosweep.backends._preloading import modules_for
from mesosweep.domain.errors import BackendError, Interrupted, StoreError
from mesosweep.domain.events import Verified
from mesosweep.domain.study import Study, trial_arguments
from mesosweep.domain.trial import Trial
from mesosweep.plugins import Registry
from mesosweep.records.layout import TrialFolder
from mesosweep.records.verified import Hearing, read_verified

MAIN = "mesosweep.worker.judging:main"


def judge(study: Study, winner: Trial, default: Trial | None) -> Verified:
    """Score winner, zero, random, untrained and default policies on the test block.

    A `ports.Judge` that keeps torch out of the supervisor. What it did is kept beside
    the winner: asked again, it answers from there.

    Raises:
        StoreError: a bundle or the winner's folder cannot be used.
        BackendError: the worker went down; running the same command judges again.
        Interrupted: the worker was told to stop; running the same command judges again.
    """
    from mesosweep.backends._server import start_worker

    # The trial as it was run: one of a later job of its study has that job's folder and seed.
    study = replace(study, attempt=winner.attempt, folder=study.folder_of(winner.attempt))
    folder = TrialFolder(Path(study.folder) / winner.trial_id)
    hearing = _hearing(study, winner, default)
    worker, pipe = start_worker(
        MAIN,
        [json.dumps(asdict(hearing))],
        trial_id=winner.trial_id,
        log=folder.log,
        preload=modules_for(study, Registry()),
    )
    try:
        worker.join()
    finally:
        # An interruption may come here as any exception; nothing is lost by it.
        worker.kill()
        worker.join()
        pipe.close()
    if worker.exitcode == 0 and (verified := read_verified(folder.path, hearing)) is not None:
        return verified
    if worker.exitcode == Interrupted.exit_code:  # somebody else told the worker to stop
        raise Interrupted(f"Stage {study.stage}: the judging of its winner was stopped.")
    cause = cause_of(worker.exitcode or 0, folder.log).rstrip(".")
    kind = StoreError if worker.exitcode == StoreError.exit_code else BackendError
    raise kind(
        f"Stage {study.stage}: trial {winner.trial_id} could not be judged: {cause}.",
        hint=f"More is in {folder.log}; the same command judges it again.",
    )


def _hearing(study: Study, winner: Trial, default: Trial | None) -> Hearing:
    return Hearing(
        arguments=(*trial_arguments(study, winner.assignment), f"--output-dir={study.folder}"),
        trial_id=winner.trial_id,
        winner=_handed(study, winner) or "",
        episodes=study.settings.test_episodes,
        default=_handed(study, default) if default else None,
    )


def _handed(study: Study, trial: Trial) -> str | None:
    checkpoint = trial.final_checkpoint if study.handoff == "final" else trial.checkpoint
    return checkpoint.uri if checkpoint else None
