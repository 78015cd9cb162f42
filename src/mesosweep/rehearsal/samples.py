"""A small cloud in virtual time, and small orders for it, to test with; no Google package needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from mesosweep.domain.space import Double
from mesosweep.rehearsal.faults import Faults, FaultScript
from mesosweep.rehearsal.jobs import Head, Job, Jobs
from mesosweep.rehearsal.orders import Container, Metric, RunOrder, Searched, Study, TuningOrder
from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.runs import Pace, Place, Run
from mesosweep.rehearsal.scripted import Course, Moment, ScriptedRunner, given
from mesosweep.rehearsal.tuned import Trial
from mesosweep.rehearsal.tuning import Tuning
from mesosweep.rehearsal.undocumented import BELIEVED, Undocumented
from mesosweep.testing.clock import FakeClock

PARENT = "projects/p/locations/l"
METRIC = "reward"


def a_run(**others: object) -> RunOrder:
    """Return a small order of one container; keyword arguments replace its fields."""
    fields: dict[str, object] = {
        "container": Container("image", ("train",), ("--stage=1",), {"COLOUR": "red"}),
        "base_output": "gs://bucket/sweep",
        "restart_on_worker_restart": True,
    }
    return RunOrder(**(fields | others))  # type: ignore[arg-type]  # a test names real fields


def a_study(**others: object) -> Study:
    """Return a study of one number; keyword arguments replace its fields."""
    fields: dict[str, object] = {
        "metrics": (Metric(METRIC),),
        "parameters": (Searched("x", Double(0.0, 1.0)),),
    }
    return Study(**(fields | others))  # type: ignore[arg-type]  # a test names real fields


def climbing(
    *, duration_s: float = 60.0, rewards: tuple[float, ...] = (1.0, 2.0, 3.0), exit_code: int = 0
) -> Course:
    """Return a course that reports `rewards` at steps 1, 2, …, evenly over its time."""
    gap = duration_s / (len(rewards) + 1)
    moments = tuple(
        Moment(gap * step, step, {METRIC: reward}) for step, reward in enumerate(rewards, start=1)
    )
    return Course(duration_s, moments, exit_code=exit_code, says="alas" if exit_code else "")


def x_of(launch: Launch) -> float:
    """Return the searched number that a process was given."""
    return float(given(launch.argv, "x"))


class Cloud:
    """Jobs, their runner and their clock."""

    def __init__(
        self,
        course_of: Callable[[Launch], Course] = lambda _: climbing(),
        *,
        script: FaultScript | None = None,
        undocumented: Undocumented = BELIEVED,
        pace: Pace | None = None,
        project: str | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.runner = ScriptedRunner(course_of)
        self.told: list[tuple[str, Mapping[str, object]]] = []
        place = Place(
            self.runner,
            Faults(script),
            undocumented,
            pace or Pace(),
            tell=lambda event, facts: self.told.append((event, facts)),
        )
        self.jobs = Jobs(place, self.clock, project=project)

    def tune(
        self,
        *,
        trials: int = 4,
        parallel: int = 2,
        failed: int = 0,
        study: Study | None = None,
        run: RunOrder | None = None,
        name: str = "study",
        labels: Mapping[str, str] | None = None,
    ) -> Job:
        """Create a tuning job."""
        order = TuningOrder(study or a_study(), run or a_run(), trials, parallel, failed)
        return self.jobs.create_tuning(PARENT, order, Head(name, labels or {}, None))

    def custom(self, run: RunOrder | None = None) -> Job:
        """Create a custom job."""
        return self.jobs.create_custom(PARENT, run or a_run(), Head("custom", {}, None))

    def after(self, seconds: float, job: Job) -> Tuning:
        """Let time pass; return how the tuning job then stands."""
        self.clock.sleep(seconds)
        work = self.jobs.get(job.name, "hyperparameterTuningJobs").work
        assert isinstance(work, Tuning)
        return work

    def run_after(self, seconds: float, job: Job) -> Run:
        """Let time pass; return how the custom job then stands."""
        self.clock.sleep(seconds)
        work = self.jobs.get(job.name, "customJobs").work
        assert isinstance(work, Run)
        return work

    def seconds(self, moment: datetime | None) -> float:
        """Return how long after the beginning a moment was."""
        assert moment is not None
        return (moment - self.clock.start).total_seconds()


def states(work: Tuning) -> list[str]:
    """Return the trials' states, in order."""
    return [trial.state.name for trial in work.trials]


def reward(trial: Trial) -> float | None:
    """Return the trial's final reward."""
    return None if trial.final is None else trial.final.metrics[METRIC]
