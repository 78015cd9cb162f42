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
from mesosweep.records.study_file import Claim, read_claim, read_study_file


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next go of a study may write."""

    attempt: int
    version: str | None = None
    """Of the study's document that lies there already; None where none does."""
    claims: tuple[str, ...] = ()
    """Tokens of those who left this study's document there, or in a folder that was passed
    over, and of whom no job is listed: one may be on its way."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in the folder of a go."""

    is_ours: bool = False
    """Whether this study's document does."""
    is_anothers: bool = False
    """Whether another's does, or one that cannot be read."""
    is_empty: bool = True
    """Whether nothing else does."""
    version: str | None = None
    claim: Claim | None = None


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


def is_forgotten(job: Message, bucket: Bucket) -> bool:
    """Whether a job has ended and somebody removed from the bucket what it was about.

    The service remembers jobs for longer than users keep their files. Such a job has
    nothing to go on with: its trials are gone, and nobody can tell what they were.
    """
    return has_ended(job) and bucket.read(study_uri(go_of(job))) is None


def note_on(beside: Sequence[Message], used: Sequence[Message], study: Study) -> str | None:
    """Return what is worth saying of other jobs when one of the study is submitted.

    `beside` are all jobs of its sweep folder, `used` those of the study that count.
    """
    known = {str(job["name"]) for job in used}
    forgotten = [job for job in in_order(beside, study) if str(job["name"]) not in known]
    others = [
        job
        for job in beside
        if labels.told(job, labels.STAGE) == str(study.stage)
        and labels.told(job, labels.STUDY) != labels.label(study.key)
        and not has_ended(job)
    ]
    return (
        "; ".join(
            [
                *(
                    f"{job['name']} is passed over: what it wrote is not in the bucket any more"
                    for job in forgotten
                    if has_ended(job)
                ),
                *(
                    f"{job['name']} works on this stage, too, and goes on costing; to end it: "
                    f"mesosweep jobs cancel {job['name']}"
                    for job in others
                ),
            ]
        )
        or None
    )


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
    attempt, claims = study.attempt, list[str]()
    while True:
        if attempt not in taken:
            found = look(study, attempt, bucket)
            if found.is_ours:
                claims.append(found.claim.token if found.claim else "")
            if found.is_empty and not found.is_anothers:
                return Place(attempt, found.version, tuple(claims))
        attempt += 1


def folder_go(study: Study, *, attempt: int, trials: int) -> Go:
    """Return the go of a study in the folder of an attempt."""
    return Go(attempt, trials, study.folder_of(attempt))


def look(study: Study, attempt: int, bucket: Bucket) -> Folder:
    """Return what lies in the folder of an attempt at a study."""
    go = folder_go(study, attempt=attempt, trials=study.trials)
    document = study_uri(go)
    is_empty = not set(bucket.names(f"{go.folder}/")) - {document}
    found = bucket.seen(document)
    if found is None:
        return Folder(is_empty=is_empty)
    text = found[0].decode(errors="replace")
    try:
        is_ours = read_study_file(text, where=document).study == study.key
    except StateDamaged:
        is_ours = False
    if not is_ours:
        return Folder(is_anothers=True, is_empty=is_empty)
    return Folder(is_ours=True, is_empty=is_empty, version=found[1], claim=read_claim(text))
