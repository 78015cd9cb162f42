"""All jobs of one rehearsed cloud: created, found, listed, cancelled, deleted, moved on in time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from mesosweep.ports import Clock
from mesosweep.rehearsal.filters import Listed, parse_filter
from mesosweep.rehearsal.meters import SERVICE
from mesosweep.rehearsal.names import number_of, split_name, split_parent
from mesosweep.rehearsal.orders import RunOrder, TuningOrder
from mesosweep.rehearsal.refusal import Refusal, Violation
from mesosweep.rehearsal.runs import Place, Run
from mesosweep.rehearsal.tuning import Tuning

Kind: TypeAlias = Literal["hyperparameterTuningJobs", "customJobs"]
QUOTA = f"{SERVICE}/custom_model_training_cpus"


@dataclass(frozen=True, slots=True)
class Head:
    """What a job carries besides its work."""

    display_name: str
    labels: Mapping[str, str]
    request: object
    """As the client sent it; only who made it looks inside."""


@dataclass(frozen=True, slots=True)
class Job:
    """One resource: who it is, what was asked for, and where it stands."""

    project: str
    location: str
    kind: Kind
    job_id: str
    head: Head
    work: Tuning | Run
    listed_from: datetime
    trial_of: Job | None = None
    """The tuning job one of whose trials this custom job runs; such a one is got by name and
    not listed."""

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def name(self) -> str:
        return f"{self.parent}/{self.kind}/{self.job_id}"


@dataclass
class Jobs:
    """The cloud's memory. Nothing happens in it but by `advance`, which every verb begins with."""

    place: Place
    clock: Clock
    seed: int = 0
    project: str | None = None
    """The one project that may be used; None admits all."""
    _jobs: dict[tuple[str, str, str], Job] = field(default_factory=dict)
    """(location, kind, id) → job, oldest first."""
    _at: datetime | None = None
    _made: int = 0

    def advance(self) -> None:
        """Let everything happen, in its order, that happens by now."""
        now = self.clock.now()
        # What was created or asked for at the last visit begins then, not now.
        at = self._at or now
        self._step(at)
        while (due := min(self._due(after=at), default=now)) < now:
            at = due
            self._step(at)
        self._at = now
        self._step(now)

    @property
    def is_at_work(self) -> bool:
        """Whether some job has not ended, as of the last visit."""
        return any(not job.work.state.is_end for job in list(self._jobs.values()))

    def create_tuning(self, parent: str, order: TuningOrder, head: Head) -> Job:
        """Begin a tuning job. Raises Refusal where project or quota do not admit it."""
        wanted = min(order.parallel, order.max_trials)
        place = self._admitted(parent, wanted=wanted, takes=order.run.takes)
        work = Tuning(
            self.place,
            order,
            name=head.display_name,
            seed=self.seed + len(self._jobs),
            new_id=self._new_id,
            now=self.clock.now(),
        )
        return self._add(place, "hyperparameterTuningJobs", self._new_id(), head, work)

    def create_custom(self, parent: str, order: RunOrder, head: Head) -> Job:
        """Begin a custom job. Raises Refusal where project or quota do not admit it."""
        place = self._admitted(parent, wanted=1, takes=order.takes)
        job_id, now = self._new_id(), self.clock.now()
        work = Run(self.place, order, run_id=job_id, job=head.display_name, now=now)
        return self._add(place, "customJobs", job_id, head, work)

    def get(self, name: str, kind: Kind) -> Job:
        """Return the job of this name; the project may be its id or its number."""
        self.advance()
        return self._named(name, kind)

    def listed(self, parent: str, kind: Kind, filter_: str) -> list[Job]:
        """Return the listed jobs that a filter admits, newest first."""
        self.advance()
        project, location = self._place_of(parent)
        admits = parse_filter(filter_)
        now = self.clock.now()
        return [
            job
            for job in reversed(self._jobs.values())
            if (job.project, job.location, job.kind) == (project, location, kind)
            and job.listed_from <= now
            and admits(
                Listed(
                    job.head.display_name,
                    f"JOB_STATE_{job.work.state.name}",
                    job.work.create_time,
                    job.head.labels,
                )
            )
        ]

    def cancel(self, name: str, kind: Kind) -> None:
        """Begin to cancel a job; that it was cancelled is seen by getting it."""
        self.advance()
        job = self._named(name, kind)
        if job.work.state.is_end:
            if self.place.undocumented.cancel_of_ended == "OK":
                return
            raise Refusal("FAILED_PRECONDITION", f"{name} has ended: {job.work.state.name}.")
        job.work.cancel(self.clock.now())

    def delete(self, name: str, kind: Kind) -> Job:
        """Forget a job that has ended."""
        self.advance()
        job = self._named(name, kind)
        if not job.work.state.is_end or job.trial_of is not None:
            raise Refusal("FAILED_PRECONDITION", f"{name} cannot be deleted before it has ended.")
        del self._jobs[(job.location, job.kind, job.job_id)]
        return job

    # ── making and finding ───────────────────────────────────────────────────

    def _admitted(self, parent: str, *, wanted: int, takes: Mapping[str, int]) -> tuple[str, str]:
        """Return project and location where a job of so many runs side by side may begin.

        `takes` is what each of them takes of the project's quota.
        """
        self.advance()
        project, location = self._place_of(parent)
        script = self.place.faults.script
        works = [job.work for job in self._jobs.values()]
        used = sum(work.asked_for for work in works)
        if script.quota is not None and used + wanted > script.quota:
            raise _exhausted(QUOTA, wanted, used, script.quota, location)
        for meter, each in takes.items():
            used = sum(work.asked_for * work.takes.get(meter, 0) for work in works)
            limit = script.limit_of(meter)
            if limit is not None and used + wanted * each > limit:
                raise _exhausted(f"{SERVICE}/{meter}", wanted * each, used, limit, location)
        return project, location

    def _add(
        self, place: tuple[str, str], kind: Kind, job_id: str, head: Head, work: Tuning | Run
    ) -> Job:
        late = timedelta(seconds=self.place.faults.script.late_listing_s)
        job = Job(*place, kind, job_id, head, work, listed_from=work.create_time + late)
        self._jobs[(job.location, kind, job_id)] = job
        return job

    def _named(self, name: str, kind: Kind) -> Job:
        parent, job_id = split_name(name, kind)
        project, location = self._place_of(parent)
        job = self._jobs.get((location, kind, job_id))
        if job is None and kind == "customJobs":
            job = self._trial_job(job_id)
        if job is None or (job.project, job.location) != (project, location):
            raise Refusal("NOT_FOUND", f"{name} is not found.")
        return job

    def _trial_job(self, run_id: str) -> Job | None:
        for job in self._jobs.values():
            for trial in job.work.trials if isinstance(job.work, Tuning) else ():
                if trial.run.run_id == run_id:
                    name = f"{job.head.display_name}-trial{trial.trial_id}"
                    head = replace(job.head, display_name=name)
                    return replace(
                        job,
                        kind="customJobs",
                        job_id=run_id,
                        head=head,
                        work=trial.run,
                        trial_of=job,
                    )
        return None

    def _place_of(self, parent: str) -> tuple[str, str]:
        project, location = split_parent(parent)
        if self.project is not None and project not in (self.project, number_of(self.project)):
            raise Refusal(
                "PERMISSION_DENIED",
                f"Permission 'aiplatform.jobs' denied on resource '//aiplatform.googleapis.com/"
                f"{parent}' (or it may not exist).",
            )
        numbered = self.place.undocumented.project_numbers
        return number_of(project) if numbered else project, location

    def _new_id(self) -> str:
        self._made += 1
        return str(random.Random(f"{self.seed}/id/{self._made}").randrange(10**18, 10**19))

    # ── time ─────────────────────────────────────────────────────────────────

    def _step(self, at: datetime) -> None:
        for job in self._jobs.values():
            job.work.step(at)

    def _due(self, *, after: datetime) -> Iterator[datetime]:
        if (change := self.place.runner.next_change(after=after)) is not None:
            yield change
        for job in self._jobs.values():
            yield from (moment for moment in job.work.due() if moment > after)


def _exhausted(metric: str, wanted: int, used: int, limit: int, location: str) -> Refusal:
    return Refusal(
        "RESOURCE_EXHAUSTED",
        f"The following quota metrics exceed quota limits: {metric}",
        Violation(metric, f"{wanted} asked for, {used} in use, limit {limit} in {location}"),
    )
