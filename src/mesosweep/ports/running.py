"""Where studies and trials run, who chooses them, who judges, and where it is all kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from mesosweep.domain.events import Verified
from mesosweep.domain.space import Assignment, SearchSpace
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import Evaluation, Trial

if TYPE_CHECKING:
    from mesosweep.domain.state import SweepState


@dataclass(frozen=True, slots=True)
class Submission:
    """The exact request of one study, ready to be sent or shown."""

    study: Study
    request: Mapping[str, Any]
    """JSON-able; what `plan` prints."""


class Backend(Protocol):
    """A place that runs whole studies behind five verbs.

    Raises `Transient` for what may pass, `Refused` for what will not.
    """

    name: str

    def prepare(self, study: Study) -> Submission:
        """Build the exact request. Pure: touches nothing outside."""

    def submit(self, submission: Submission) -> JobRef:
        """Start the study. Spends money; never called before `find`."""

    def find(self, study: Study) -> JobRef | None:
        """Return the study's job; None only when it is surely absent."""

    def poll(self, job: JobRef) -> StudySnapshot:
        """Return the whole picture: cheap, idempotent, not blocking."""

    def cancel(self, job: JobRef) -> None:
        """Stop the job's trials so that they can go on later. Idempotent."""

    def wait(self, job: JobRef, clock: Clock) -> None:
        """Return when `poll` may have news, at the latest after the backend's own pause."""


class Sampler(Protocol):
    """What to try next. Stateless: the whole history in, advice out."""

    name: str

    def suggest(
        self, space: SearchSpace, history: Sequence[Trial], *, count: int, total: int, seed: int
    ) -> Sequence[tuple[Assignment, str]]:
        """Return `count` assignments, each with its origin (`startup` or `model`).

        `history` holds every trial so far, running ones too; `total` is the number of
        trials that the study will have. The answer depends on the arguments alone.
        """


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """One trial to be run somewhere."""

    study: Study
    trial_id: str
    assignment: Assignment
    origin: str


class TrialRunner(Protocol):
    """What `SampledBackend` needs from a place without an optimiser of its own."""

    def known(self, study: Study) -> Sequence[Trial]:
        """Return the trials of the study that this place has ever begun, in order of id."""

    def start(self, order: TrialOrder) -> None:
        """Begin the trial, or go on with one whose worker was lost."""

    def poll(self, study: Study) -> Sequence[Trial]:
        """Return the trials begun or known in this process, ended ones included."""

    def evaluations(self, study: Study, trial: Trial) -> Sequence[Evaluation]:
        """Return every evaluation that a trial of `poll` reported so far, by step."""

    def end_early(self, study: Study, trial: Trial, reason: str) -> None:
        """Have a running trial end as `stopped`, with what it has. Idempotent.

        It is on record before its worker hears of it: a trial that is taken up again
        ends all the same. One that has trained all its steps meanwhile finishes.
        """

    def capacity(self, study: Study) -> int:
        """Return how many more trials may start now."""

    def wait(self, study: Study, clock: Clock) -> None:
        """Return when a worker may have ended, at the latest after a short pause."""

    def stop(self, study: Study, *, gently: bool) -> None:
        """End all workers. Gently: they write a checkpoint first, within 10 s."""


class Judge(Protocol):
    """Scores a stage's winner once, on episodes nobody has seen."""

    def __call__(self, study: Study, winner: Trial, default: Trial | None) -> Verified:
        """Play winner, zero, random and untrained policies on the test block."""


class Track(Protocol):
    """The curve of one trial while it is drawn. Whatever it raises costs the trial nothing."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """Draw an evaluation. One that a lost process told already may be told again."""

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        """Draw the learner's own numbers (learning rate, losses) at a step; not at every one."""

    def ended(self, trial: Trial) -> None:
        """Draw what the trial came to. Not called for one that is to go on later."""


class Tracker(Protocol):
    """Where the curves of trials go; opened and closed with each process that works at one."""

    def __call__(self, order: Mapping[str, Any]) -> AbstractContextManager[Track]:
        """Open the trial's curve, or go on with it.

        `order` tells `species`, `algorithm`, `stage`, `attempt`, `trial_id`, `seed`,
        `timesteps`, `parameters` (all, as resolved), `sweep` (a name that the trials of one
        sweep share), `folder` (the trial's own, to write below) and `step`, from which it
        goes on: 0 at first.
        """


class Store(Protocol):
    """Where the state of sweeps is kept."""

    def load(self, sweep_key: str) -> tuple[SweepState, str] | None:
        """Return state and version; None only when there surely is none."""

    def save(self, sweep_key: str, state: SweepState, *, replacing: str | None) -> str:
        """Replace version `replacing`; raises StoreConflict when it is not the latest."""

    def set_aside(self, sweep_key: str) -> None:
        """Move what `load` would return out of the way, whole or damaged, losing nothing."""


class Reporter(Protocol):
    """Reads the sweep's events."""

    def __call__(self, event: Any) -> None: ...


class Clock(Protocol):
    """Time as an argument: no test ever sleeps."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...
