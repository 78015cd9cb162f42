"""What learning is: a ground to train and be judged on, a lesson, and who teaches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from mesosweep.domain.score import Episode
from mesosweep.domain.space import Value
from mesosweep.domain.trial import Evaluation
from mesosweep.ports.animal import Array, Mirror

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

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

    def mirror(self) -> Mirror | None:
        """Return the left-right symmetry of observations and actions; None if none is declared."""


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
        """Judge the policy on the select block; the trainer waits for the answer.

        Raises `Interrupted` when asked to stop meanwhile. The evaluation is then not done:
        call `checkpoint` with a state from which it is done again, and let the error pass.
        """

    def offer(self, save: Callable[[Path], None], *, step: int) -> None:
        """Offer the policy that was just judged: it is published if it is the best so far.

        Offer each one. What best means is the observer's to say: a production run asks more
        of a policy than its mean. `save(path)` writes the policy zip at `path` and its other
        parts beside it, named after its stem.
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
        Raises `Interrupted` after a checkpoint when the observer asks to stop, in the
        middle of an evaluation too, and `FloatingPointError` when the numbers stop being
        numbers.
        """

    def save_final(self, path: Path) -> None:
        """Write the parts of the last policy of `train` beside the policy zip `path`."""

    def load(self, path: Path, ground: Ground, *, trust: bool = False) -> Policy:
        """Return the deterministic policy of a bundle. Executes no pickle unless `trust`."""

    def untrained(self, lesson: Lesson, ground: Ground) -> Policy:
        """Return the policy that `train` would begin with."""

    def check(self, lesson: Lesson, ground: Ground) -> None:
        """Build everything that `train` would and step nothing; raises SettingsError."""
