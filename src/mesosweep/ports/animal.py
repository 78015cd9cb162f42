"""What an animal is: a body, and the batch of lanes that its functions are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.floating[Any]]
    Mask: TypeAlias = NDArray[np.bool_]
    Counts: TypeAlias = NDArray[np.int64]
else:
    Array = Mask = Counts = Any


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
    derived: dict[Any, Any]
    """What has been computed from the state of this moment, by whom (`terms.once`); emptied
    whenever the state changes. Empty it where you write to the arrays above yourself."""

    def scene(self, lane: int) -> Any:
        """Return a `mujoco.MjData` of one lane with everything MuJoCo computes from its pose.

        Slow, for `start` and pictures; scratch memory, good until the next call.
        """

    def sensor(self, name: str) -> Array:
        """Return a named sensor, (n, dim), at the end of the control step."""

    def sensor_substeps(self, name: str) -> Array:
        """Return a named sensor at every physics step of the control step, (n, frame_skip, dim)."""

    def sensors(self, names: tuple[str, ...]) -> Array:
        """Return several sensors side by side, (n, sum of dims): cheaper than one by one."""

    def sensors_substeps(self, groups: tuple[tuple[str, ...], ...]) -> Array:
        """Return groups of sensors of equal width, (n, groups, frame_skip * sum of dims).

        A row holds all numbers of a group at the first physics step, then at the second, …
        """


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
    keep: Callable[[Batch], None] | None = None
    """Bookkeeping in `memory` that only metrics need: done once a step, however many metrics
    name it, before they are read. Training, which measures nothing, does without."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """How left and right change places.

    Number `i` of the twin is `sign[i] * original[source[i]]`. Applied twice it is the
    identity, and the twin of an action has the twin's consequences: a test says so.
    """

    observation_source: Sequence[int]
    observation_sign: Sequence[float]
    action_source: Sequence[int]
    action_sign: Sequence[float]
    reflect: Callable[[Batch, int], None] | None = None
    """Turn one lane into its own mirror image: `qpos`, `qvel`, `mocap_pos`, `memory`. No learner
    needs it; the suite does, to hold the declared symmetry against physics."""


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
    mirror: Mirror | None = None
    """The animal's left-right symmetry, for learners that train on both sides at once."""
