"""Training runs of this machine are scored on held-out episodes by a worker of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from mesosweep.backends._log import cause_of
from mesosweep.backends._preloading import modules_for
from mesosweep.domain.errors import BackendError, Interrupted, StoreError
from mesosweep.domain.score import Score
from mesosweep.domain.study import Study, trial_arguments
from mesosweep.domain.trial import Trial
from mesosweep.plugins import Registry
from mesosweep.records.held_out import Question, read_held_out
from mesosweep.records.layout import TrialFolder

MAIN = "mesosweep.worker.scoring:main"


def held_out_scores(
    runs: Sequence[tuple[Study, Trial]], *, episodes: int, log: Path
) -> Mapping[tuple[str, str], Score]:
    """Return the scores of finished runs, by study key and trial id.

    Those on record are taken from there. `log` is where the worker speaks.

    Raises:
        StoreError: a bundle or a run's folder cannot be used.
        BackendError: the worker went down; asked again, it goes on with what is missing.
        Interrupted: the worker was told to stop; likewise.
    """
    asked = {
        (study.key, trial.trial_id): (study, trial, _question(study, trial, episodes))
        for study, trial in runs
        if trial.status == "finished"
    }
    missing = [
        [trial.trial_id, _arguments(study), asdict(question)]
        for study, trial, question in asked.values()
        if read_held_out(_folder(study, trial), question) is None
    ]
    if missing:
        _played(missing, study=runs[0][0], log=log)
    found = {
        key: read_held_out(_folder(study, trial), question)
        for key, (study, trial, question) in asked.items()
    }
    return {key: score for key, score in found.items() if score is not None}


def _played(missing: Sequence[object], *, study: Study, log: Path) -> None:
    from mesosweep.backends._server import start_worker

    worker, pipe = start_worker(
        MAIN,
        [json.dumps(missing)],
        trial_id="scoring",
        log=log,
        preload=modules_for(study, Registry()),
    )
    try:
        worker.join()
    finally:
        # An interruption may come here as any exception; what was scored is on record.
        worker.kill()
        worker.join()
        pipe.close()
    code = worker.exitcode or 0
    if code == Interrupted.exit_code:  # somebody else told the worker to stop
        raise Interrupted("The scoring of the runs was stopped.")
    if code:
        kind = StoreError if code == StoreError.exit_code else BackendError
        raise kind(
            f"Runs could not be scored: {cause_of(code, log).rstrip('.')}.",
            hint=f"More is in {log}; the same command goes on with it.",
        )


def _arguments(study: Study) -> list[str]:
    return [*trial_arguments(study, study.default or {}), f"--output-dir={study.folder}"]


def _question(study: Study, trial: Trial, episodes: int) -> Question:
    folder = TrialFolder(_folder(study, trial))
    return Question(folder.bundle(study.handoff, stage=study.stage).name, episodes)


def _folder(study: Study, trial: Trial) -> Path:
    return Path(study.folder) / trial.trial_id
