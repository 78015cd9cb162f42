"""The jobs of one study: which is under way, what they have between them, what is left to ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mesosweep.backends.vertex import labels
from mesosweep.backends.vertex.parse import Message, has_ended, phase_of
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.backends.vertex.request import Go, study_uri
from mesosweep.domain.errors import StateDamaged
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.records.study_file import read_study_file


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next go of a study may write."""

    attempt: int
    is_claimed: bool
    """Whether an earlier submission of this study left its document there, or in a folder that
    was passed over, and no job of it is listed: one may be on its way."""


def in_order(jobs: Iterable[Message], study: Study) -> tuple[Message, ...]:
    """Return the jobs that are this study's, oldest first."""
    wanted = {labels.STUDY: labels.label(study.key), labels.SWEEP: labels.sweep_label(study)}
    mine = [job for job in jobs if all(labels.told(job, k) == v for k, v in wanted.items())]
    return tuple(sorted(mine, key=lambda job: (labels.attempt_of(job), job.get("createTime", ""))))


def go_of(job: Message) -> Go:
    """Return what a job of ours was asked for."""
    output = job["trialJobSpec"]["baseOutputDirectory"]["outputUriPrefix"]
    return Go(labels.attempt_of(job), int(job["maxTrialCount"]), str(output).rstrip("/"))


def share_of(job: Message, trials: Sequence[Trial]) -> int:
    """Return how many of a study's trials need not be asked for again, thanks to a job of it.

    All of a job that succeeded, its failed trials too: they taught the optimiser. Of one
    that was lost those that came to an end of their own: finished, stopped, diverged or
    timed out. While a job runs, all that it was asked for.
    """
    if phase_of(job) in ("failed", "cancelled"):
        return sum(trial.has_ended and trial.status != "failed" for trial in trials)
    return go_of(job).trials


def under_way(jobs: Sequence[Message]) -> Message | None:
    """Return the job of a study that has not ended, if there is one."""
    return next((job for job in reversed(jobs) if not has_ended(job)), None)


def taken_attempts(jobs: Iterable[Message], study: Study) -> frozenset[int]:
    """Return the attempts at the study's stage that any job of its sweep folder writes into."""
    stage, sweep = str(study.stage), labels.sweep_label(study)
    return frozenset(
        labels.attempt_of(job)
        for job in jobs
        if labels.told(job, labels.STAGE) == stage and labels.told(job, labels.SWEEP) == sweep
    )


def free_place(study: Study, taken: Collection[int], bucket: Bucket) -> Place:
    """Return the first attempt, from the study's own on, whose folder nobody has written into.

    A folder in which trials lie is never used again: a worker that finds a trial's record
    believes it, whatever parameters it was given.
    """
    attempt, is_claimed = study.attempt, False
    while True:
        if attempt not in taken:
            go = folder_go(study, attempt=attempt, trials=study.trials)
            mine, is_empty = _seen(go, study, bucket)
            is_claimed = is_claimed or bool(mine)
            if is_empty and mine is not False:
                return Place(attempt, is_claimed)
        attempt += 1


def folder_go(study: Study, *, attempt: int, trials: int) -> Go:
    """Return the go of a study in the folder of an attempt."""
    if attempt == study.attempt:
        return Go(attempt, trials, study.folder)
    return Go.again(study, attempt=attempt, trials=trials)


def _seen(go: Go, study: Study, bucket: Bucket) -> tuple[bool | None, bool]:
    """Return whose document lies in a go's folder, and whether nothing else does.

    True: this study's. False: another's, or one that cannot be read. None: nobody's.
    """
    document = study_uri(go)
    others = set(bucket.names(f"{go.folder}/")) - {document}
    content = bucket.read(document)
    if content is None:
        return None, not others
    try:
        read = read_study_file(content.decode(errors="replace"), where=document)
    except StateDamaged:
        return False, not others
    return read.study == study.key, not others
