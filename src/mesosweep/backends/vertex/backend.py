"""Whole studies on Vertex AI: one tuning job each, and another for what a lost one left undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mesosweep import __version__
from mesosweep.backends.vertex import goes, labels, parse
from mesosweep.backends.vertex.cancelling import cancel
from mesosweep.backends.vertex.client import Jobs
from mesosweep.backends.vertex.ledger import Ledger
from mesosweep.backends.vertex.parse import Message
from mesosweep.backends.vertex.patience import passing
from mesosweep.backends.vertex.recorded import Bucket, as_recorded
from mesosweep.backends.vertex.request import Go, build_request, redacted, study_uri
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import Transient
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import Trial
from mesosweep.engine.retry import Retry
from mesosweep.ports import Clock, Submission
from mesosweep.records.study_file import study_file, written

POLL_S = 30.0
SETTLE_S = 30.0
"""A job that was just created may be missing from a listing for some seconds."""


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
        self._plan = plan
        self._jobs = jobs
        self._bucket = bucket
        self._clock = clock
        self._retry = retry or Retry()
        self._ledger = ledger
        self._hurry = hurry
        """By how much waits are shortened, in a rehearsal."""
        self._followed: dict[str, tuple[Study, tuple[Message, ...]]] = {}
        """Job → its study, and the study's earlier jobs."""
        self._ended: dict[tuple[str, str], Trial] = {}
        """(job, trial id) → a trial about which nothing will change."""
        self._seen_lost: set[str] = set()
        self._sent: dict[str, datetime] = {}
        """Study → when this process last asked for a job of it."""

    def prepare(self, study: Study) -> Submission:
        """Build the job, secrets blotted out; raises SettingsError for what cannot be a job."""
        return Submission(study, redacted(build_request(study, self._settings, Go.first(study))))

    def find(self, study: Study) -> JobRef | None:
        return self._attached(study, self._jobs_of(study))

    def submit(self, submission: Submission) -> JobRef:
        """Create a job for what the study still lacks, unless there is one by now.

        Its document is in the bucket before the job is asked for, as a claim: who finds
        one without its job waits until a listing would show it.
        """
        study = submission.study
        build_request(study, self._settings, Go.first(study))  # a bad one touches nothing
        jobs = self._jobs_of(study)
        if (found := self._attached(study, jobs)) is not None:
            return found
        place = self._free_place(study)
        if place.is_claimed and not self._has_settled(study):
            self._clock.sleep(SETTLE_S / self._hurry)
            jobs = self._jobs_of(study)
            if (found := self._attached(study, jobs)) is not None:
                return found
            place = self._free_place(study)
        go = goes.folder_go(
            study, attempt=place.attempt, trials=study.trials - self._done(study, jobs)
        )
        request = build_request(study, self._settings, go)
        file = study_file(study, self._plan, core=__version__, attempt=go.attempt)
        with passing():
            self._bucket.write(study_uri(go), written(file).encode())
            if self._ledger is not None:
                now = self._clock.now()
                self._ledger.ask(study, go, sweep=self._plan.sweep_key, now=now)
        self._sent[study.key] = self._clock.now()
        created = self._jobs.create(request)
        self._noted(created)
        return self._follow(study, (*jobs, created))

    def poll(self, job: JobRef) -> StudySnapshot:
        study, earlier = self._followed[job.name]
        latest = self._jobs.get(job.name)
        jobs = (*earlier, latest)
        self._noted(*jobs)
        trials = tuple(trial for each in jobs for trial in self._trials(study, each))
        missing = study.trials - self._done(study, jobs)
        match parse.phase_of(latest):
            case "going" | "cancelling":
                return StudySnapshot("running", trials)
            case _ if missing <= 0:
                return StudySnapshot("succeeded", trials)
            case "succeeded":
                asked_for = goes.go_of(latest).trials
                told = f"its job was submitted for {asked_for} trials; {missing} more are wanted"
                return StudySnapshot("failed", trials, told)
            case _ if job.name not in self._seen_lost:
                # Its last workers may still be writing down what they finished.
                self._seen_lost.add(job.name)
                return StudySnapshot("running", trials)
            case "failed" | "cancelled" as lost:
                return StudySnapshot(lost, trials, _why(latest, self._trials(study, latest)))

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
        jobs = (*earlier, self._jobs.get(job.name))
        return sum(parse.machine_s(each, now=now) for each in jobs)

    def missing(self, study: Study) -> int:
        """Return how many trials of a study would be asked for if it were submitted now."""
        return max(study.trials - self._done(study, self._jobs_of(study)), 0)

    def study_of(self, job: JobRef) -> Study:
        """Return the study of a job that was submitted or found."""
        return self._followed[job.name][0]

    def _noted(self, *jobs: Message) -> None:
        if self._ledger is not None:
            with passing():
                for job in jobs:
                    self._ledger.look(job, now=self._clock.now())

    def _jobs_of(self, study: Study) -> tuple[Message, ...]:
        """Return the study's jobs, oldest first and whole: listings leave trials out."""
        listed = goes.in_order(self._jobs.list(labels.of_study(study)), study)
        return tuple(self._jobs.get(job["name"]) for job in listed)

    def _attached(self, study: Study, jobs: tuple[Message, ...]) -> JobRef | None:
        """Return the job to follow; None when there is something left to ask for.

        Raises:
            Transient: the study's job is being cancelled, so it cannot be gone on with yet.
        """
        live = goes.under_way(jobs)
        if live is not None and parse.phase_of(live) == "cancelling":
            raise Transient(f"{live['name']} is still being cancelled")
        if not jobs or (live is None and self._done(study, jobs) < study.trials):
            return None
        last = jobs[-1] if live is None else live
        return self._follow(study, (*(job for job in jobs if job is not last), last))

    def _follow(self, study: Study, jobs: tuple[Message, ...]) -> JobRef:
        *earlier, last = jobs
        self._followed[last["name"]] = (study, tuple(earlier))
        return JobRef(self.name, last["name"], self._console(last["name"]))

    def _free_place(self, study: Study) -> goes.Place:
        taken = goes.taken_attempts(self._jobs.list(labels.of_sweep(study)), study)
        with passing():
            return goes.free_place(study, taken, self._bucket)

    def _has_settled(self, study: Study) -> bool:
        """Whether what this process itself asked for would be listed by now."""
        sent = self._sent.get(study.key)
        return (
            sent is not None
            and (self._clock.now() - sent).total_seconds() >= SETTLE_S / self._hurry
        )

    def _done(self, study: Study, jobs: Sequence[Message]) -> int:
        return sum(goes.share_of(job, self._trials(study, job)) for job in jobs)

    def _trials(self, study: Study, job: Message) -> tuple[Trial, ...]:
        go = goes.go_of(job)
        done = {m["id"] for m in job.get("trials", ()) if "id" in m and parse.is_done(m)}
        found = []
        for trial in parse.trials_of(job, study, attempt=go.attempt):
            key = (str(job["name"]), trial.trial_id)
            known = self._ended.get(key)
            if known is None:
                with passing():
                    known = as_recorded(trial, go, self._bucket)
                if trial.trial_id in done and known.status in ("finished", "diverged", "timed_out"):
                    self._ended[key] = known
            found.append(known)
        return tuple(found)

    def _console(self, name: str) -> str | None:
        settings, number = self._settings, name.rpartition("/")[2]
        if settings.is_rehearsed:
            return None
        return (
            "https://console.cloud.google.com/vertex-ai/locations/"
            f"{settings.location}/training/{number}?project={settings.project}"
        )


def _why(job: Message, trials: Sequence[Trial]) -> str:
    """Return why a job was lost, with what its first failed trial said."""
    said = [trial.reason for trial in trials if trial.status == "failed" and trial.reason]
    own = [reason for reason in said if not reason.startswith("interrupted")]
    first = f"; a trial: {own[0]}" if own else ""
    return f"{parse.reason_of(job)}{first}"
