"""One study from submission to its end, told as facts."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial

from mesosweep.domain.errors import BackendError, Interrupted, RepeatedFailure
from mesosweep.domain.events import (
    Event,
    StageFailed,
    StudyProgressed,
    StudyReattached,
    StudySubmitted,
    StudySubmitting,
    TrialFailed,
    TrialFinished,
    TrialStarted,
)
from mesosweep.domain.state import StageState
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import LOST, Trial
from mesosweep.engine.journal import Journal
from mesosweep.engine.retry import Retry, asked
from mesosweep.ports import Backend, Clock

Facts = tuple[Event, ...]


def follow(
    study: Study,
    journal: Journal,
    *,
    backend: Backend,
    clock: Clock,
    retry: Retry,
    stop: Callable[[], bool],
) -> Iterator[Facts]:
    """Attach to the study or submit it, then watch it to its end.

    Each group of facts is one look at the backend; the caller records it before
    asking for the next, so `journal.state` is always what was told so far. A study that
    was asked for more trials while its job ran is submitted again for the rest.

    Raises:
        Interrupted: `stop` said so between two polls.
        RepeatedFailure: the backend gave the study up; the stage is recorded as failed.
        BackendError: it refused, or did not answer often enough.
    """
    yield (StudySubmitting(clock.now(), study),)
    job, _ = yield from _attached(study, backend=backend, clock=clock, retry=retry)
    while True:
        try:
            snapshot = yield from asked(
                partial(backend.poll, job), stage=study.stage, retry=retry, clock=clock
            )
        except BackendError as error:
            # A signal to all our processes ends what starts workers, maybe before we looked.
            if stop():
                raise Interrupted("Stopped.") from error
            raise
        yield news(journal.state.stage(study.stage), snapshot)
        match snapshot.state:
            case "succeeded":
                return
            case "incomplete":
                yield (StudySubmitting(clock.now(), study),)
                ended = job
                job, is_new = yield from _attached(study, backend=backend, clock=clock, retry=retry)
                if job == ended and not is_new:
                    raise BackendError(
                        f"Stage {study.stage} ({study.stage_name}): {snapshot.message}, but only "
                        f"{job.name} was found.",
                        hint="Run the same command again to ask for the rest.",
                    )
            case "failed" | "cancelled":
                reason = snapshot.message or f"the study was {snapshot.state}"
                yield (StageFailed(clock.now(), study.stage, reason),)
                raise RepeatedFailure(
                    f"Stage {study.stage} ({study.stage_name}): {reason}",
                    hint="Mend the cause and run the same command: finished trials are kept.",
                )
            case "running":
                if stop():
                    raise Interrupted("Stopped.")
                backend.wait(job, clock)


def news(known: StageState, snapshot: StudySnapshot) -> Facts:
    """Return what a snapshot tells that the state does not know yet."""
    before = {trial.identity: trial for trial in known.trials}
    facts: list[Event] = []
    for trial in snapshot.trials:
        old = before.get(trial.identity)
        if old is not None and old.has_ended and not _was_lost_too_soon(old, trial):
            continue
        if trial.has_ended:
            lost = trial.status in LOST
            facts.append((TrialFailed if lost else TrialFinished)(known.stage, trial))
        elif old is None:
            facts.append(TrialStarted(known.stage, trial))
    running = tuple(trial for trial in snapshot.trials if not trial.has_ended)
    if running:
        facts.append(StudyProgressed(known.stage, running))
    return tuple(facts)


def _was_lost_too_soon(before: Trial, now: Trial) -> bool:
    """Whether a trial that was given up had come to its own end after all.

    A worker may outlive its job by as long as it takes to put its record down.
    """
    return before.status == "failed" and now.has_ended and now.status != "failed"


def _attached(
    study: Study, *, backend: Backend, clock: Clock, retry: Retry
) -> Generator[Facts, None, tuple[JobRef, bool]]:
    """Find the study's job, or submit it; returns it and whether it is new.

    `find` comes before every `submit`, retries included: after a lost answer the job
    may be there, and sending it twice would be paid twice.
    """
    submission = backend.prepare(study)

    def attach() -> tuple[JobRef, bool]:
        found = backend.find(study)
        return (found, False) if found is not None else (backend.submit(submission), True)

    job, is_new = yield from asked(attach, stage=study.stage, retry=retry, clock=clock)
    yield ((StudySubmitted if is_new else StudyReattached)(study.stage, job),)
    return job, is_new
