"""How fast this machine plays and trains one stage, alone and side by side.

Everything heavy happens in processes of their own, one thread each, as trials run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, TypeAlias

from mesosweep.settings.advice import BUSY, Measurement, Pace, SideBySide, best_envs, fits

What: TypeAlias = Literal["play", "train"]
ENVS, FEW_ENVS = (1, 4, 8, 16, 32, 64, 128), (1, 16, 64)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured."""

    species: str
    algorithm: str
    stage: int
    own_envs: int
    """The number of environments that the stage asks for."""
    code: str
    """Digest of the package that makes the animal."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    envs: tuple[int, ...] = ENVS
    play_s: float = 0.4
    train_s: float = 1.2
    side_s: float = 3.0
    most_s: float = 50.0
    """After so long nothing new is begun but what advice cannot do without."""


QUICK = Effort(envs=FEW_ENVS, play_s=0.2, train_s=0.4, side_s=1.0, most_s=9.0)


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of one process."""

    steps_per_s: float
    steps_per_computing_s: float
    """The same where nobody else computes."""
    memory_bytes: int

    @property
    def core_share(self) -> float:
        """Seconds of computing in a second."""
        return self.steps_per_s / max(self.steps_per_computing_s, 1e-9)


class Bencher(Protocol):
    """A process that measures when it is told to."""

    def get_ready(self) -> None:
        """Return once there is nothing left to load."""

    def begin(self, what: What, *, n_envs: int, seconds: float) -> None: ...
    def answer(self) -> Found: ...
    def close(self) -> None: ...


def measured(
    subject: Subject,
    *,
    effort: Effort,
    told: Callable[[str], None],
    cores: int,
    memory_bytes: int | None,
    open_bencher: Callable[[Subject], Bencher],
    clock: Callable[[], float] = time.monotonic,
) -> Measurement:
    """Measure one stage; `told` hears of each measurement once it is done.

    Raises whatever the processes say.
    """
    ends_s = clock() + effort.most_s
    numbers = _numbers(cores)
    # The stage's own number first: advice compares all others with it.
    envs = sorted({*effort.envs, subject.own_envs}, key=lambda n: (n != subject.own_envs, n))
    with _Crew(lambda: open_bencher(subject)) as crew:
        crew.of(min(cores, 2))  # the second loads torch while the first does, not later
        alone = crew.of(1)
        paces: list[Pace] = []
        shares: list[float] = []
        for n_envs in envs:
            if paces and clock() + len(numbers) * effort.side_s > ends_s:
                break
            (play,) = _asked(alone, "play", n_envs, effort.play_s)
            (train,) = _asked(alone, "train", n_envs, effort.train_s)
            # Per second of computing: what else goes on here must not choose the number.
            pace = Pace(n_envs, play.steps_per_computing_s, train.steps_per_computing_s)
            paces.append(pace)
            shares += [play.core_share, train.core_share]
            told(
                f"{_environments(n_envs)}: {pace.training_steps_per_s:,.0f} steps/s in training, "
                f"{pace.env_steps_per_s:,.0f} without learning"
            )
        core_share = math.fsum(shares) / len(shares)
        side_envs = best_envs(paces, own_envs=subject.own_envs)
        sides: list[SideBySide] = []
        no_room_for = None
        for count in numbers:
            if len(sides) > 1 and clock() > ends_s:
                break
            if sides and not fits(
                count, each_bytes=sides[-1].memory_bytes, memory_bytes=memory_bytes
            ):
                no_room_for = count
                break
            found = _asked(crew.of(count), "train", side_envs, effort.side_s)
            # By the clock, which also knows of cores that are there in name only; unless
            # somebody else's work would be mistaken for that.
            speeds = [
                one.steps_per_s if core_share >= BUSY else one.steps_per_computing_s
                for one in found
            ]
            each = math.fsum(speeds) / count
            sides.append(SideBySide(count, each, max(one.memory_bytes for one in found)))
            told(f"{count} at a time: {each:,.0f} steps/s each, {count * each:,.0f} in all")
    all_sides = len(sides) == len(numbers) or no_room_for is not None
    return Measurement(
        own_envs=subject.own_envs,
        side_envs=side_envs,
        cores=cores,
        memory_bytes=memory_bytes,
        paces=tuple(sorted(paces, key=lambda pace: pace.n_envs)),
        sides=tuple(sides),
        no_room_for=no_room_for,
        core_share=core_share,
        is_complete=len(paces) == len(envs) and all_sides,
    )


class _Crew:
    """Processes, started when they are first needed and ended together."""

    def __init__(self, open_one: Callable[[], Bencher]) -> None:
        self._open_one = open_one
        self._open: list[Bencher] = []

    def of(self, count: int) -> Sequence[Bencher]:
        """Return so many, all of them ready."""
        fresh = [self._open_one() for _ in range(count - len(self._open))]
        self._open += fresh
        for bencher in fresh:
            bencher.get_ready()
        return self._open[:count]

    def __enter__(self) -> _Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for bencher in self._open:
            bencher.close()


def _numbers(cores: int) -> list[int]:
    """Return how many processes are tried: 1, 2, 4, … and one per core."""
    powers = [2**power for power in range(cores.bit_length()) if 2**power < cores]
    return [*powers, cores]


def _asked(
    benchers: Sequence[Bencher], what: What, n_envs: int, seconds: float
) -> tuple[Found, ...]:
    for bencher in benchers:
        bencher.begin(what, n_envs=n_envs, seconds=seconds)
    return tuple(bencher.answer() for bencher in benchers)


def _environments(count: int) -> str:
    return f"{count} environment{'s' if count > 1 else ''}"
