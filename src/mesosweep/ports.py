"""Floor 1: the shapes through which the house meets everything replaceable.

Interfaces only; heavy types appear under TYPE_CHECKING. Each protocol has a
conformance suite in `mesosweep.testing` that real and fake pass alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from mesosweep.domain.events import Verified
from mesosweep.domain.score import Episode
from mesosweep.domain.space import Assignment, SearchSpace, Value
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import Evaluation, Trial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env import VecEnv

    from mesosweep.domain.state import SweepState

    Array: TypeAlias = NDArray[np.floating[Any]]
    Mask: TypeAlias = NDArray[np.bool_]
    Counts: TypeAlias = NDArray[np.int64]
else:
    Array = Mask = Counts = Any


# ── the animal ───────────────────────────────────────────────────────────────


class Batch(Protocol):
    """`n` lanes of one animal, as they stand after a control step.

    Arrays are the simulation's own memory: read them, copy what you keep. A
    function over a batch must treat every lane alone, so that the Gymnasium
    env (n = 1) and the training VecEnv (n = many) are the same animal.

    `start` and `disturb` may write `qpos`, `qvel`, `mocap_pos` and `memory`, in
    the lane that they were given; before `start` these hold the model's own pose
    and zeros. Everything else only reads.
    """

    n: int
    dt: float
    """Seconds per control step."""
    model: Any
    """The compiled `mujoco.MjModel`."""
    settings: Mapping[str, Any]
    """The stage's env settings in force: the reference's, or training's."""
    qpos: Array
    """(n, nq)."""
    qvel: Array
    """(n, nv)."""
    action: Array
    """(n, nu), clipped to [-1, 1]."""
    previous_action: Array
    """(n, nu); zeros after a reset."""
    ctrl: Array
    """(n, nu): what the actuators were told."""
    steps: Counts
    """(n,): control steps since each lane's reset; 0 right after it."""
    horizon: int
    """Control steps of a full episode."""
    memory: Mapping[str, Array]
    """The species' own per-lane numbers, (n, width) each, as `Body.memory` declares."""
    success: Mask
    """(n,): the task was done in this step. Known when rewards are computed."""
    failed: Mask
    """(n,): a termination fired in this step and the task was not done."""
    mocap_pos: Array
    """(n, nmocap, 3): where the bodies that no physics moves are, a prey for one."""

    def scene(self, lane: int) -> Any:
        """Return a `mujoco.MjData` of one lane with everything MuJoCo computes from its pose.

        Slow, for `start` and pictures; scratch memory, good until the next call.
        """

    def sensor(self, name: str) -> Array:
        """Return a named sensor, (n, dim), at the end of the control step."""

    def sensor_substeps(self, name: str) -> Array:
        """Return a named sensor at every physics step of the control step, (n, frame_skip, dim)."""


class Rng(Protocol):
    """The part of `numpy.random.Generator` that a species draws from."""

    def uniform(self, low: Any = ..., high: Any = ..., size: Any = ...) -> Any: ...
    def normal(self, loc: Any = ..., scale: Any = ..., size: Any = ...) -> Any: ...
    def integers(self, low: Any, high: Any = ..., size: Any = ...) -> Any: ...


Over: TypeAlias = Literal["mean", "sum", "last", "max", "per_horizon"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A reward-free measure of an episode, built from one number per step."""

    summary: str
    unit: str
    value: Callable[[Batch], Array]
    """(n,) per control step."""
    over: Over = "mean"
    """How steps make an episode. `per_horizon` is the sum over the steps that were lived,
    divided by the steps of a full episode: a lunge that ends in a fall earns its share only."""


@dataclass(frozen=True, slots=True)
class Body:
    """All that makes an animal: data, and pure functions over a `Batch`."""

    model: str
    """The MJCF file as a resource, `package:path/to/model.xml`."""
    frame_skip: int
    """Physics steps per control step."""
    observation_low: Sequence[float]
    observation_high: Sequence[float]
    """Finite bounds, one per observation number; what lies outside is clipped."""
    observation_names: Sequence[str]
    observe: Callable[[Batch], Array]
    """(n, obs_dim)."""
    control: Callable[[Batch, Array], Array]
    """Action in [-1, 1], (n, nu) → actuator targets, (n, nu). Action 0 is the home pose."""
    start: Callable[[Batch, int, Rng], None]
    """Put one lane at the start of an episode: write `qpos[lane]`, `qvel[lane]`, `memory[…][lane]`."""
    rewards: Mapping[str, Callable[[Batch], Array]]
    """Setting name → (n,) unweighted term. The reward is the sum of `settings[name] * term`."""
    terminations: Mapping[str, Callable[[Batch], Mask]]
    """Reason → (n,) whether it ends the episode now."""
    success: Callable[[Batch], Mask] | None = None
    """(n,): the task is done. Asked only on stages whose settings declare a task
    (`task = true`); a done task ends the episode."""
    disturb: Callable[[Batch, int, Rng], None] | None = None
    """Called for each lane before each control step; may change `qvel[lane]` and `memory`
    (pushes, a new goal). `due` limits the calls to the lanes that need it."""
    due: Callable[[Batch], Mask] | None = None
    """(n,): lanes that `disturb` must see in this step; None means all of them."""
    advance: Callable[[Batch], None] | None = None
    """Bookkeeping in `memory` after physics and before anything is judged, over all lanes."""
    memory: Mapping[str, int] = field(default_factory=dict)
    """Name → width of the per-lane numbers that the functions above keep."""
    metrics: Mapping[str, Metric] = field(default_factory=dict)


# ── learning ─────────────────────────────────────────────────────────────────

Policy: TypeAlias = "Callable[[Array], Array]"
"""Raw observations (n, obs_dim) → actions (n, act_dim); deterministic."""


class Ground(Protocol):
    """Where one stage is trained and judged. Training may differ from the reference."""

    def training_envs(self, n_envs: int, *, seed: int) -> VecEnv:
        """Open the training VecEnv.

        Settings of a running one change by `env.env_method("change_setting", name, value)`;
        its whole state, random numbers included, is read by `env.env_method("snapshot")[0]`
        (a flat mapping of names to NumPy arrays) and put back by
        `env.env_method("restore", state)`.
        """

    def play(self, policy: Policy, seeds: Sequence[int]) -> tuple[Episode, ...]:
        """Play one episode per seed on the reference env, side by side."""

    def observation_space(self) -> Any: ...
    def action_space(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a trainer is asked to do: everything resolved, nothing left to look up."""

    hyperparameters: Mapping[str, Any]
    """The algorithm's own, as its constructor understands them."""
    curriculum: Mapping[str, Value]
    """Warm-up and ramp; applied only after a warm start."""
    timesteps: int
    """Total environment steps, exact."""
    n_envs: int
    seed: int
    eval_freq: int
    """Environment steps between evaluations; a last one always happens."""
    save_freq: int
    """Environment steps between periodic checkpoints."""
    parent: Path | None
    """Policy zip of the bundle to start from, or None."""
    resume: Path | None = None
    """Folder of a whole periodic checkpoint to go on from; the caller has verified it."""
    device: str = "cpu"
    trust: bool = False
    ramp_end: float | None = None
    """The weight that the reward ramp ends at: the training env's `forward_vel_weight`."""


class Observer(Protocol):
    """What a trainer tells while it trains. All calls come from the training thread."""

    def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
        """Judge the policy on the select block; the trainer waits for the answer."""

    def new_best(self, save: Callable[[Path], None], *, step: int) -> None:
        """Publish the policy that was just judged best. `save(path)` writes the policy zip
        at `path` and its other parts beside it, named after its stem.
        """

    def checkpoint(self, save: Callable[[Path], None], *, step: int) -> None:
        """Publish a periodic checkpoint. `save(folder)` writes its parts into an empty folder."""

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        """Tell where training stands, with the learner's own numbers (learning_rate, …)."""

    def should_stop(self) -> bool:
        """Whether to call `checkpoint` now and raise `Interrupted`."""


class Learner(Protocol):
    """One algorithm at work; what `Algorithm.learner` names. Lives in the worker."""

    def train(self, lesson: Lesson, ground: Ground, observer: Observer) -> int:
        """Train to `lesson.timesteps` exactly and return the steps trained in all.

        Goes on from `lesson.resume` if there is one, exactly as if never interrupted.
        Raises `Interrupted` after a checkpoint when the observer asks to stop, and
        `FloatingPointError` when the numbers stop being numbers.
        """

    def save_final(self, path: Path) -> None:
        """Write the parts of the last policy of `train` beside the policy zip `path`."""

    def load(self, path: Path, ground: Ground, *, trust: bool = False) -> Policy:
        """Return the deterministic policy of a bundle. Executes no pickle unless `trust`."""

    def untrained(self, lesson: Lesson, ground: Ground) -> Policy:
        """Return the policy that `train` would begin with."""

    def check(self, lesson: Lesson, ground: Ground) -> None:
        """Build everything that `train` would and step nothing; raises SettingsError."""


# ── where trials run ─────────────────────────────────────────────────────────


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


# ── the rest of the outside ──────────────────────────────────────────────────


class Tracker(Protocol):
    """Where one trial's curve goes; opened and closed with the trial."""

    def __call__(
        self, order: Mapping[str, Any]
    ) -> AbstractContextManager[Callable[[Evaluation], None]]: ...


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


__all__ = [
    "Array",
    "Backend",
    "Batch",
    "Body",
    "Clock",
    "Ground",
    "Iterable",
    "Judge",
    "Lesson",
    "Mask",
    "Metric",
    "Observer",
    "Policy",
    "Reporter",
    "Rng",
    "Sampler",
    "Store",
    "Submission",
    "Tracker",
    "TrialOrder",
    "TrialRunner",
]
