"""Whole studies on Vertex AI: one tuning job each, and another for what a lost one left undone."""

from __future__ import annotations

from collections.abc import Sequence

from mesosweep.backends.vertex import goes, labels, parse
from mesosweep.backends.vertex.asking import Asking
from mesosweep.backends.vertex.cancelling import cancel
from mesosweep.backends.vertex.claiming import SETTLE_S, Claims
from mesosweep.backends.vertex.client import Jobs
from mesosweep.backends.vertex.known import Known, has_begun, why
from mesosweep.backends.vertex.ledger import Ledger
from mesosweep.backends.vertex.parse import Message
from mesosweep.backends.vertex.patience import passing
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.backends.vertex.request import Go, build_request, redacted
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import Transient
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import Trial
from mesosweep.engine.retry import Retry
from mesosweep.ports import Clock, Submission

POLL_S = 30.0


class VertexBackend:
    """A `ports.Backend`. Submitting again never pays for what an earlier job of the study has.

    Nothing is asked of the network before `find`. The engine retries what is `Transient`,
    and looks for the job before each try; only `cancel` retries by itself.
    """

    name = "vertex"

    def __init__(
        self,
        settings: JobSettings,
        *,
        plan: SweepPlan,
        jobs: Jobs,
        bucket: Bucket,
        clock: Clock,
        retry: Retry | None = None,
        ledger: Ledger | None = None,
        hurry: float = 1.0,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._bucket = bucket
        self._clock = clock
        self._retry = retry or Retry()
        self._ledger = ledger
        self._hurry = hurry
        """By how much looks at a job follow each other faster, in a rehearsal."""
        self._claims = Claims(plan, bucket, clock=clock)
        self._asking = Asking(
            settings,
            sweep=plan.sweep_key,
            jobs=jobs,
            bucket=bucket,
            clock=clock,
            claims=self._claims,
            ledger=ledger,
        )
        self._known = Known(bucket)
        self._followed: dict[str, tuple[Study, tuple[Message, ...]]] = {}
        """Job → its study, and the study's earlier jobs."""
        self._seen_lost: set[str] = set()

    def prepare(self, study: Study) -> Submission:
        """Build the job, secrets blotted out; raises SettingsError for what cannot be a job."""
        return Submission(study, redacted(build_request(study, self._settings, Go.first(study))))

    def find(self, study: Study) -> JobRef | None:
        return self._attached(study, self._jobs_of(study))

    def submit(self, submission: Submission) -> JobRef:
        """Create a job for what the study still lacks, unless there is one by now.

        Its document is in the bucket before the job is asked for, as a claim: of several who
        ask at once one gets it, and who finds one without its job waits until a listing
        would show it.

        Raises:
            StoreConflict: another process is asking for this job now; the message names it.
        """
        study = submission.study
        build_request(study, self._settings, Go.first(study))  # a bad one touches nothing
        jobs = self._jobs_of(study)
        if (found := self._attached(study, jobs)) is not None:
            return found
        beside = self._jobs.list(labels.of_sweep(study))
        place = self._asking.place(study, beside=beside)
        if self._claims.is_waited_for(study, place):
            self._clock.sleep(SETTLE_S)
            jobs = self._jobs_of(study)
            if (found := self._attached(study, jobs)) is not None:
                return found
            beside = self._jobs.list(labels.of_sweep(study))
            place = self._asking.place_after(study, place, beside=beside)
        trials = study.trials - self._known.done(study, jobs)
        created = self._asking.ask(study, place, trials=trials, beside=beside)
        self._noted(created)
        return self._follow(study, (*jobs, created), note=goes.note_on(beside, jobs, study))

    def poll(self, job: JobRef) -> StudySnapshot:
        study, earlier = self._followed[job.name]
        latest = self._jobs.get(job.name)
        jobs = (*earlier, latest)
        self._noted(*jobs)
        trials = tuple(trial for each in jobs for trial in self._known.trials(study, each))
        missing = study.trials - self._known.done(study, jobs)
        match parse.phase_of(latest):
            case "going" if self._cannot_start(latest, trials):
                self.cancel(job)
                told = "no trial could start, so the job was cancelled"
                return StudySnapshot("failed", trials, why(latest, trials, how=told))
            case "going" | "cancelling":
                return StudySnapshot("running", trials)
            case _ if missing <= 0:
                return StudySnapshot("succeeded", trials)
            case "succeeded":
                asked_for = goes.go_of(latest).trials
                told = f"its job was submitted for {asked_for} trials; {missing} more are wanted"
                return StudySnapshot("incomplete", trials, told)
            case _ if job.name not in self._seen_lost:
                # Its last workers may still be writing down what they finished.
                self._seen_lost.add(job.name)
                return StudySnapshot("running", trials)
            case "failed" | "cancelled" as lost:
                return StudySnapshot(lost, trials, why(latest, self._known.trials(study, latest)))

    def cancel(self, job: JobRef) -> None:
        """Ask the job to end, and wait until it has.

        Raises:
            BackendError: it is not confirmed in half an hour; the job may go on costing.
        """
        ended = cancel(
            job.name,
            self._jobs,
            url=job.url,
            clock=self._clock,
            retry=self._retry,
            hurry=self._hurry,
        )
        self._seen_lost.add(job.name)
        self._noted(ended)

    def wait(self, job: JobRef, clock: Clock) -> None:  # noqa: ARG002  # the port's shape
        clock.sleep(POLL_S / self._hurry)

    def machine_s(self, job: JobRef) -> float:
        """Return the seconds of machines that the study took so far, in all of its jobs."""
        _, earlier = self._followed[job.name]
        now = self._clock.now()
        return sum(parse.machine_s(j, now=now) for j in (*earlier, self._jobs.get(job.name)))

    def missing(self, study: Study) -> int:
        """Return how many trials of a study would be asked for if it were submitted now."""
        return max(study.trials - self._known.done(study, self._jobs_of(study)), 0)

    def names_of(self, job: JobRef) -> frozenset[str]:
        """Return the names of all jobs of the study that `machine_s` counts."""
        _, earlier = self._followed[job.name]
        return frozenset((*(str(each["name"]) for each in earlier), job.name))

    def _noted(self, *jobs: Message) -> None:
        if self._ledger is not None:
            with passing():
                for job in jobs:
                    self._ledger.look(job, now=self._clock.now())

    def _jobs_of(self, study: Study) -> tuple[Message, ...]:
        """Return the study's jobs, oldest first and whole: listings leave trials out."""
        listed = goes.in_order(self._jobs.list(labels.of_study(study)), study)
        with passing():
            kept = [job for job in listed if not goes.is_forgotten(job, self._bucket)]
        return tuple(self._jobs.get(job["name"]) for job in kept)

    def _attached(self, study: Study, jobs: tuple[Message, ...]) -> JobRef | None:
        """Return the job to follow; None when there is something left to ask for.

        Raises:
            Transient: the study's job is being cancelled, so it cannot be gone on with yet.
        """
        live = goes.under_way(jobs)
        if live is not None and parse.phase_of(live) == "cancelling":
            raise Transient(f"{live['name']} is still being cancelled")
        if not jobs or (live is None and self._known.done(study, jobs) < study.trials):
            return None
        if live is not None:
            self._claims.restore(study, goes.go_of(live))
        last = jobs[-1] if live is None else live
        return self._follow(study, (*(job for job in jobs if job is not last), last))

    def _follow(
        self, study: Study, jobs: tuple[Message, ...], *, note: str | None = None
    ) -> JobRef:
        *earlier, last = jobs
        self._followed[last["name"]] = (study, tuple(earlier))
        return JobRef(self.name, last["name"], self._settings.console(last["name"]), note)

    def _cannot_start(self, job: Message, trials: Sequence[Trial]) -> bool:
        """Whether as many trials failed as may, and not one of the study ever did anything.

        The service is asked to end such a job by itself; this does not rely on it.
        """
        failed = sum(parse.is_done(message) for message in job.get("trials", ()))
        return failed >= self._settings.max_failed_trials and not any(map(has_begun, trials))
