"""One trial of a tuning job, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mesosweep.rehearsal.orders import Chosen, JobState, Measurement, Study, TrialState
from mesosweep.rehearsal.runs import Run
from mesosweep.rehearsal.studying import final_measurement
from mesosweep.rehearsal.undocumented import Undocumented


@dataclass(slots=True)
class Trial:
    """One trial as the service knows it."""

    trial_id: str
    """`1`, `2`, … in the order in which they were begun."""
    chosen: Chosen
    run: Run
    start_time: datetime
    state: TrialState = TrialState.ACTIVE
    end_time: datetime | None = None
    final: Measurement | None = None
    """Set only where the trial SUCCEEDED."""
    reason: str = ""
    """Why it is INFEASIBLE."""

    def complete(self, study: Study, rules: Undocumented, now: datetime) -> None:
        """Decide what the end of its run means."""
        final, run = final_measurement(study, self.run.reports), self.run
        counts = run.state is JobState.SUCCEEDED or rules.failed_with_metric == "SUCCEEDED"
        if final is not None and counts:
            self._succeed(final, now)
        elif run.error is not None:
            self._fail(run.error.message, now)
        else:
            self._fail(f"It never reported the metric {study.metric.name}.", now)

    def leave(self, study: Study, rules: Undocumented, now: datetime, *, reason: str) -> None:
        """Leave it, running as its job ends, as the service is thought to leave it."""
        final = final_measurement(study, self.run.reports)
        match rules.cancelled_trial:
            case "SUCCEEDED" if final is not None:
                self._succeed(final, now)
            case "INFEASIBLE" | "SUCCEEDED":
                self._fail(reason, now)
            case "STOPPING" | "ACTIVE" as name:
                self.state = TrialState[name]

    def _succeed(self, final: Measurement, now: datetime) -> None:
        self.state, self.end_time, self.final = TrialState.SUCCEEDED, now, final

    def _fail(self, reason: str, now: datetime) -> None:
        self.state, self.end_time, self.reason = TrialState.INFEASIBLE, now, reason
