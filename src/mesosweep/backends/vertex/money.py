"""What a plan costs on Vertex AI, and a backend that ends a sweep before it costs too much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mesosweep.backends.prices import Quote, StageCost, load_prices, stage_cost
from mesosweep.backends.vertex.backend import POLL_S, VertexBackend
from mesosweep.backends.vertex.ledger import entries_of, spent_usd
from mesosweep.backends.vertex.patience import passing
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import BudgetReached
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import LOST
from mesosweep.ports import Clock, Submission


def quote_of(settings: JobSettings, *, price_file: str | None) -> Quote:
    """Return what one machine of a job costs; raises SettingsError for a bad price file."""
    return load_prices(Path(price_file) if price_file else None).quote(
        location=settings.location,
        machine=settings.machine_type,
        accelerator=settings.accelerator_type,
        count=settings.accelerator_count,
        strategy=settings.strategy,
    )


def costs_of(
    plan: SweepPlan, quote: Quote, *, trial_s: Mapping[int, float], steps_per_s: Mapping[int, float]
) -> Mapping[int, StageCost]:
    """Return what each stage costs, where it is known how long a trial takes."""
    return {
        stage.number: stage_cost(
            quote,
            trials=stage.trials,
            parallel=stage.parallel,
            trial_s=trial_s[stage.number],
            steps_per_s=steps_per_s[stage.number],
        )
        for stage in plan.stages
        if stage.number in trial_s
    }


class CappedBackend:
    """A `ports.Backend` that submits nothing it may not pay for, and cancels what gets too dear.

    What was spent is what the ledger last saw, so the limit holds over interruptions.
    """

    def __init__(
        self,
        backend: VertexBackend,
        *,
        plan: SweepPlan,
        since: int,
        bucket: Bucket,
        quote: Quote,
        trial_usd: Mapping[int, float],
    ) -> None:
        """Watch over a sweep that began with attempt `since`.

        `trial_usd` is what one trial of a stage is expected to cost, where that is known.
        """
        self._backend = backend
        self._plan = plan
        self._since = since
        self._bucket = bucket
        self._quote = quote
        self._trial_usd = trial_usd
        self.name = backend.name

    @property
    def most_usd(self) -> float:
        return self._plan.max_cost_usd or float("inf")

    def spent_usd(self) -> float:
        """Return what the sweep took so far, as the ledger has it."""
        with passing():
            entries = entries_of(self._plan.root, self._bucket)
        return spent_usd(entries, sweep=self._plan.sweep_key, since=self._since)

    def prepare(self, study: Study) -> Submission:
        return self._backend.prepare(study)

    def find(self, study: Study) -> JobRef | None:
        return self._backend.find(study)

    def submit(self, submission: Submission) -> JobRef:
        """Submit, unless what was spent and what this is expected to cost pass the limit.

        Raises:
            BudgetReached: they do; nothing was sent.
        """
        study = submission.study
        spent = self.spent_usd()
        coming = self._trial_usd.get(study.stage, 0.0) * self._backend.missing(study)
        if spent + coming > self.most_usd:
            raise BudgetReached(
                f"--max-cost {self.most_usd:g}: stage {study.stage} is expected to cost "
                f"${coming:.2f} more, and ${spent:.2f} are spent. Nothing was submitted.",
                hint="Finished stages are kept; a larger --max-cost or fewer --trials goes on.",
            )
        return self._backend.submit(submission)

    def poll(self, job: JobRef) -> StudySnapshot:
        """Look at the job; cancel it when its next minute would pass the limit.

        Raises:
            BudgetReached: it was cancelled, and its end is confirmed.
        """
        snapshot = self._backend.poll(job)
        if snapshot.state != "running":
            return snapshot
        running = sum(not trial.has_ended for trial in snapshot.trials)
        rate = self._quote.usd_per_hour or 0.0
        # The ledger's entry of a running job may be old; the job itself tells what it took.
        spent = self._spent_with(job)
        if spent + running * rate * 2 * POLL_S / 3_600 <= self.most_usd:
            return snapshot
        self._backend.cancel(job)
        kept = sum(trial.has_ended and trial.status not in LOST for trial in snapshot.trials)
        raise BudgetReached(
            f"--max-cost {self.most_usd:g}: ${spent:.2f} are spent, and another minute may pass it. "
            f"{job.name} was cancelled, and with it {running} running trials; {kept} finished "
            "ones are kept.",
            hint="The same command with a larger --max-cost asks for the rest.",
        )

    def cancel(self, job: JobRef) -> None:
        self._backend.cancel(job)

    def wait(self, job: JobRef, clock: Clock) -> None:
        self._backend.wait(job, clock)

    def _spent_with(self, job: JobRef) -> float:
        names = self._backend.names_of(job)
        with passing():
            entries = entries_of(self._plan.root, self._bucket)
        # Of the same study there may be jobs that no listing shows any more: they were paid for.
        entries = tuple(entry for entry in entries if entry.job not in names)
        others = spent_usd(entries, sweep=self._plan.sweep_key, since=self._since)
        return others + (self._quote.usd(self._backend.machine_s(job)) or 0.0)
