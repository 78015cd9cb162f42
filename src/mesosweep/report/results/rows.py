"""One trial as its folder tells it: what a table, a CSV file and a plot are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from mesosweep.domain.score import Gate, Score
from mesosweep.domain.trial import TrialStatus

Cell: TypeAlias = bool | int | float | str | None
"""What one field of a table can hold; None where nothing was measured."""
RowStatus: TypeAlias = Literal[TrialStatus, "unfinished", "unreadable"]
"""`unfinished`: no record yet, or never. `unreadable`: a record that cannot be believed."""
WITHOUT_RESULT: frozenset[RowStatus] = frozenset(
    ("running", "failed", "diverged", "timed_out", "unfinished", "unreadable")
)


class Place(NamedTuple):
    """The study that a trial belongs to."""

    species: str
    algorithm: str
    run_seed: int | None
    stage: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Row:
    """One trial. Unmeasured is None, never zero."""

    folder: Path
    species: str
    algorithm: str
    stage: int
    attempt: int
    trial_id: str
    status: RowStatus
    run_seed: int | None = None
    """The seed of a production run, a curriculum of its own; None for the trials of a search."""
    reason: str | None = None
    """Why there is no result, or why it ended early."""
    origin: str | None = None
    """How its parameters came to be: `default`, `startup`, `model`, …"""
    stage_name: str | None = None
    parameters: Mapping[str, Cell] = field(default_factory=dict)
    """Everything as resolved, by the names of search spaces: `ppo_gamma`, `env_alive_bonus`."""
    searched: tuple[str, ...] = ()
    """Those of them that the sampler chose."""
    best_mean_reward: float | None = None
    best_mean_episode_length: float | None = None
    last_mean_reward: float | None = None
    last_mean_episode_length: float | None = None
    panel: Score | None = None
    metrics: Mapping[str, Cell] = field(default_factory=dict)
    """What else its record holds, flat."""
    gate: Gate | None = None
    """The stage's thresholds; None where no file tells them."""
    passed: bool | None = None
    """None where it cannot be told."""
    gate_reasons: tuple[str, ...] = ()
    has_won: bool = False
    """Whether the saved sweep calls it the winner of its stage."""

    @property
    def has_result(self) -> bool:
        """Whether it came to something: a finished trial to a score, a stopped one to its end."""
        if self.status == "finished":
            return self.score is not None
        return self.status not in WITHOUT_RESULT

    @property
    def ending(self) -> str:
        """How it ended, in words; a finished trial that has no score says so."""
        if self.status == "finished" and not self.has_result:
            return "finished without a score"
        return self.status.replace("_", " ")

    @property
    def place(self) -> Place:
        return Place(self.species, self.algorithm, self.run_seed, self.stage, self.attempt)

    @property
    def number(self) -> int:
        """What its id sorts by: those that are words come after those that are numbers."""
        return int(self.trial_id) if self.trial_id.isdecimal() else 1 << 62

    @property
    def order(self) -> tuple[str, str, int, int, int, int, str]:
        """A key to sort by: searches before production runs, then stage, attempt and trial."""
        run = -1 if self.run_seed is None else self.run_seed
        which = (self.species, self.algorithm, run, self.stage, self.attempt)
        return (*which, self.number, self.trial_id)

    @property
    def panel_mean_reward(self) -> float | None:
        return finite(self.panel.mean_reward) if self.panel else None

    @property
    def score(self) -> float | None:
        """What trials are compared by: the panel's mean reward, else the best seen in training."""
        panel = self.panel_mean_reward
        return self.best_mean_reward if panel is None else panel


def finite(value: object) -> float | None:
    """Return a number as float; None for everything that is none, and for NaN and infinities."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number that no float can hold
        return None


def best_of(rows: tuple[Row, ...] | list[Row]) -> Row | None:
    """Return the row that a stage goes on with: the winner; else passing ones first, then the best score."""
    won = next((row for row in rows if row.has_won), None)
    if won is not None:
        return won
    scored = [
        (row.passed is True, row.score, row)
        for row in rows
        if row.status == "finished" and row.score is not None
    ]
    # max() keeps the first of equals, as choosing a winner does.
    return max(scored, key=lambda told: told[:2])[2] if scored else None


def studies(rows: tuple[Row, ...] | list[Row]) -> dict[Place, list[Row]]:
    """Return the rows by the study that they belong to, in order."""
    found: dict[Place, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.order):
        found.setdefault(row.place, []).append(row)
    return found
