"""A backend for places that run trials but do not choose them.

Vizier's bridge between its two altitudes: a sampler that answers from history alone,
and a runner that starts what it is told, together behave as a tuning service does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mesosweep.domain.seeds import training_seed
from mesosweep.domain.space import Assignment
from mesosweep.domain.stopping import Stopping, hopeless
from mesosweep.domain.study import JobRef, Study, StudySnapshot, trial_arguments
from mesosweep.domain.trial import LOST, Trial
from mesosweep.ports import Clock, Sampler, Submission, TrialOrder, TrialRunner

DEFAULT_TRIAL = "0"
"""Id of the species' own configuration; what the sampler chooses begins at 1."""


class SampledBackend:
    """`SampledBackend(sampler, runner)`: a `Backend` out of a sampler and a trial runner.

    What is on record with the runner is the only memory: a study that is found again
    goes on from there, interrupted trials first.
    """

    def __init__(self, name: str, *, sampler: Sampler, runner: TrialRunner) -> None:
        self.name = name
        self._sampler = sampler
        self._runner = runner
        self._studies: dict[str, Study] = {}
        self._waiting: dict[str, list[Trial]] = {}
        """Begun in an earlier process, not ended, and not yet going on in this one."""
        self._before: dict[str, frozenset[str]] = {}
        """Ended before this process looked; their failures are not held against it."""
        self._cancelled: set[str] = set()
        self._looked_at: dict[str, frozenset[tuple[str, int]]] = {}
        """Trial id and last evaluation of those that ran when hopeless ones were looked for."""

    def prepare(self, study: Study) -> Submission:
        command = ["mesosweep", *trial_arguments(study, {})]
        return Submission(study, {"backend": self.name, "folder": study.folder, "trial": command})

    def submit(self, submission: Submission) -> JobRef:
        return self._open(submission.study)

    def find(self, study: Study) -> JobRef | None:
        return self._open(study) if self._runner.known(study) else None

    def poll(self, job: JobRef) -> StudySnapshot:
        study = self._studies[job.name]
        trials = self._runner.poll(study)
        if job.name in self._cancelled:
            return StudySnapshot("cancelled", tuple(trials), "it was cancelled")
        if shared := self._repeated(study, trials):
            self._runner.stop(study, gently=True)
            return StudySnapshot("failed", tuple(trials), shared)
        if study.stopping is not None:
            self._end_hopeless(study, study.stopping, trials)
        if self._begin(study, trials):
            trials = self._runner.poll(study)
        done = len(trials) >= study.trials and all(trial.has_ended for trial in trials)
        return StudySnapshot("succeeded" if done else "running", tuple(trials))

    def cancel(self, job: JobRef) -> None:
        if job.name in self._studies and job.name not in self._cancelled:
            self._cancelled.add(job.name)
            self._runner.stop(self._studies[job.name], gently=True)

    def wait(self, job: JobRef, clock: Clock) -> None:
        self._runner.wait(self._studies[job.name], clock)

    def _open(self, study: Study) -> JobRef:
        if study.key not in self._studies or study.key in self._cancelled:
            known = self._runner.known(study)
            self._waiting[study.key] = [trial for trial in known if not trial.has_ended]
            self._before[study.key] = frozenset(t.trial_id for t in known if t.has_ended)
        self._studies[study.key] = study
        self._cancelled.discard(study.key)
        return JobRef(self.name, study.key)

    def _begin(self, study: Study, trials: Sequence[Trial]) -> bool:
        """Start as many trials as there is room for; interrupted ones come first."""
        room = self._runner.capacity(study)
        waiting = self._waiting[study.key]
        begun = False
        while room > 0 and waiting:
            lost = waiting.pop(0)
            self._runner.start(TrialOrder(study, lost.trial_id, lost.assignment, lost.origin))
            room, begun = room - 1, True
        fresh = min(room, study.trials - len(trials))
        for order in self._orders(study, trials, count=fresh) if fresh > 0 else ():
            self._runner.start(order)
            begun = True
        return begun

    def _end_hopeless(self, study: Study, stopping: Stopping, trials: Sequence[Trial]) -> None:
        """Have trials end that have no chance, as soon as an evaluation says so."""
        told = frozenset(
            (trial.trial_id, trial.progress.last_evaluation.step)
            for trial in trials
            if not trial.has_ended and trial.progress and trial.progress.last_evaluation
        )
        if told <= self._looked_at.get(study.key, frozenset()):
            return
        curves = {trial.identity: self._runner.evaluations(study, trial) for trial in trials}
        for trial, reason in hopeless(stopping, trials, curves):
            self._runner.end_early(study, trial, reason)
        # Last, so that what could not be written is looked at again.
        self._looked_at[study.key] = told

    def _orders(self, study: Study, trials: Sequence[Trial], *, count: int) -> Iterator[TrialOrder]:
        ids = {trial.trial_id for trial in trials}
        given = list(self._given(study, trials))[:count]
        if missing := count - len(given):
            # The study's seed, not the trial's: the sampler tells trials apart by history.
            seed = training_seed(
                sweep_seed=study.settings.seed, stage=study.stage, attempt=study.attempt, trial=0
            )
            given += self._sampler.suggest(
                study.space, trials, count=missing, total=study.trials, seed=seed
            )
        number = max((int(i) for i in ids if i.isdigit()), default=0)
        for assignment, origin in given:
            if origin == "default":
                yield TrialOrder(study, DEFAULT_TRIAL, assignment, origin)
                continue
            number += 1
            yield TrialOrder(study, str(number), assignment, origin)

    def _given(self, study: Study, trials: Sequence[Trial]) -> Iterator[tuple[Assignment, str]]:
        """Yield what is to be tried before the sampler is asked, and was not tried yet."""
        origins = [trial.origin for trial in trials]
        if study.default is not None and "default" not in origins:
            yield study.default, "default"
        for assignment in study.enqueued[origins.count("enqueued") :]:
            yield assignment, "enqueued"

    def _repeated(self, study: Study, trials: Sequence[Trial]) -> str | None:
        """Return the shared message when the last trials all failed in the same way."""
        ended = [t for t in trials if t.has_ended and t.trial_id not in self._before[study.key]]
        last = ended[-study.max_repeated_failures :]
        reasons = {trial.reason for trial in last}
        if (
            len(last) == study.max_repeated_failures
            and len(reasons) == 1
            and all(trial.status in LOST for trial in last)
        ):
            return f"{len(last)} trials in a row ended alike: {last[-1].reason}"
        return None
