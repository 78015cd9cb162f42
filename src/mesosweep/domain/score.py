"""What a policy did: episodes, the score they add up to, and the gate it must pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from mesosweep.domain.interval import half_width_95

_FORWARD_VELOCITY = "forward_velocity"


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode, from its seeded start to its end."""

    seed: int
    reward: float
    """Undiscounted return under the reference weights."""
    length: int
    """Control steps."""
    reason: str
    """`horizon`, `success`, or the name of the termination that ended it."""
    success: bool | None = None
    """Whether the stage's task was done; None where the stage declares no task."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Reward-free measures, in the units that the species declares."""


@dataclass(frozen=True, slots=True)
class Score:
    """The sum of a set of episodes. Unmeasured is None or absent, never zero."""

    episodes: int
    mean_reward: float
    std_reward: float
    """Sample standard deviation over episodes; 0 for a single one, NaN where a reward is not finite."""
    mean_length: float
    full_length_rate: float
    """Share of episodes that reached the horizon or ended in success."""
    success_rate: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, episodes: Sequence[Episode]) -> Score:
        """Sum up episodes; raises ValueError when there are none."""
        if not episodes:
            raise ValueError("a score needs at least one episode")
        rewards = [episode.reward for episode in episodes]
        outcomes = [episode.success for episode in episodes if episode.success is not None]
        # A metric that one episode lacks is unmeasured, not averaged over the rest.
        names = [n for n in episodes[0].metrics if all(n in e.metrics for e in episodes)]
        return cls(
            episodes=len(episodes),
            mean_reward=_mean(rewards),
            std_reward=_spread(rewards),
            mean_length=fmean(episode.length for episode in episodes),
            full_length_rate=fmean(e.reason in ("horizon", "success") for e in episodes),
            success_rate=fmean(outcomes) if len(outcomes) == len(episodes) else None,
            metrics={name: _mean([e.metrics[name] for e in episodes]) for name in names},
        )

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.mean_reward)

    @property
    def half_width(self) -> float | None:
        """Half of the 95 % interval of the mean reward; None for a single episode."""
        return half_width_95(self.std_reward, self.episodes)

    def half_width_from(self, other: Score) -> float | None:
        """Half of the 95 % interval of the difference of two means; None for a single episode."""
        mine, theirs = self.half_width, other.half_width
        return None if mine is None or theirs is None else math.hypot(mine, theirs)

    def exceeds(self, other: Score) -> bool:
        """Whether this mean lies above the other's by more than the 95 % interval of the difference.

        A single episode never tells.
        """
        spread = self.half_width_from(other)
        if spread is None or not (self.is_finite and other.is_finite):
            return False
        return self.mean_reward - other.mean_reward > spread


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says of a score, and why."""

    passed: bool
    reasons: tuple[str, ...] = ()
    """What is missing, one clause per threshold; empty when passed."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Thresholds of a stage; None leaves one out. All must hold."""

    min_avg_reward: float | None = None
    min_avg_episode_length: float | None = None
    """Control steps."""
    min_avg_forward_vel: float | None = None
    """Metres per second towards the goal: distance over the time of the full horizon."""
    min_success_rate: float | None = None
    """Tested with the exact one-sided 95 % lower bound, not with the observed rate."""

    def admits(self, score: Score) -> Verdict:
        """Judge a score. What is not finite or was not measured does not pass."""
        reasons = []
        success = score.success_rate
        checks = (
            ("reward", score.mean_reward, self.min_avg_reward, ""),
            ("episode length", score.mean_length, self.min_avg_episode_length, " steps"),
            (
                "forward velocity",
                score.metrics.get(_FORWARD_VELOCITY),
                self.min_avg_forward_vel,
                " m/s",
            ),
            (
                "success (95 % lower bound)",
                None if success is None else lower_bound(success, score.episodes),
                self.min_success_rate,
                "",
            ),
        )
        for what, value, least, unit in checks:
            if least is None:
                continue
            if value is None:
                reasons.append(f"{what} was not measured (gate {least:g}{unit})")
            elif not math.isfinite(value):
                reasons.append(f"{what} is not finite (gate {least:g}{unit})")
            elif value < least:
                reasons.append(f"{what} {value:.4g}{unit} below {least:g}{unit}")
        return Verdict(passed=not reasons, reasons=tuple(reasons))


def lower_bound(rate: float, episodes: int, *, confidence: float = 0.95) -> float:
    """Return the exact one-sided lower bound of a success rate.

    Clopper & Pearson (1934): the p at which seeing this many successes or more
    has probability `1 - confidence`. 20 of 30 gives 0.5006, 19 of 30 gives 0.4669.
    """
    successes = round(rate * episodes)
    if successes <= 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_least(successes, episodes, middle) < 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def _mean(values: Sequence[float]) -> float:
    try:
        return fmean(values)
    except (OverflowError, ValueError):  # too large together, or infinities of both signs
        return math.nan


def _spread(values: Sequence[float]) -> float:
    if len(values) == 1:
        return 0.0
    # `stdev` raises on anything that is not finite.
    return stdev(values) if all(map(math.isfinite, values)) else math.nan


def _at_least(successes: int, episodes: int, p: float) -> float:
    """Binomial tail P(X >= successes)."""
    return math.fsum(
        math.comb(episodes, k) * p**k * (1 - p) ** (episodes - k)
        for k in range(successes, episodes + 1)
    )
