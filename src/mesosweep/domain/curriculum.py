"""The lessons that a species learns, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesosweep.domain.score import Gate
from mesosweep.domain.space import Value

Settings = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Stage:
    """One lesson as its species describes it, before any sweep file or flag."""

    number: int
    """1 for the first; the N in `stage<N>`."""
    name: str
    """E.g. `balance`."""
    description: str
    timesteps: int
    """Training steps of one trial by default."""
    env: Settings
    """The reference env: what every trial of the stage is judged on."""
    env_train: Settings = field(default_factory=dict)
    """Where training differs from the reference."""
    algorithms: Mapping[str, Settings] = field(default_factory=dict)
    """Algorithm name → the species' own hyperparameters for this stage."""
    curriculum: Settings = field(default_factory=dict)
    """Warm-up and ramp settings, applied after a warm start."""
    gate: Gate = field(default_factory=Gate)
    n_envs: int | None = None


@dataclass(frozen=True, slots=True)
class Curriculum:
    """All stages of a species; numbers ascend from 1 without a gap."""

    stages: tuple[Stage, ...]
    digest: str
    """Changes whenever anything that trials are trained or judged on changes."""

    def __post_init__(self) -> None:
        numbers = [stage.number for stage in self.stages]
        if numbers != list(range(1, len(numbers) + 1)):
            raise ValueError(f"stages must be numbered 1, 2, 3, … (got {numbers})")

    def stage(self, number: int) -> Stage:
        """Return stage `number`; raises KeyError with the numbers that there are."""
        for stage in self.stages:
            if stage.number == number:
                return stage
        raise KeyError(f"no stage {number}; there are {[s.number for s in self.stages]}")
