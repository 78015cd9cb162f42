"""What befalls a sweep on a rehearsed cloud, drawn from a seed: faults of every kind, and its own deaths."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesosweep.backends.vertex.client import GoogleJobs
from mesosweep.rehearsal.faults import CallFault, FaultScript, Preemption
from mesosweep.rehearsal.refusal import Code
from mesosweep.rehearsal.storage_faults import StorageFault, StorageScript

STATUSES = (429, 500, 503, 408)
CODES: tuple[Code, ...] = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED")


@dataclass(frozen=True)
class Doom:
    """What befalls one sweep."""

    seed: int = 0
    script: FaultScript = field(default_factory=FaultScript)
    storage: StorageScript = field(default_factory=lambda: StorageScript(write_interval_s=1.0))
    is_otherwise: bool = False
    at_event: int | None = None
    """The one event after which it is killed, counted over its whole life; None for chance."""
    per_event: float = 0.0
    per_call: float = 0.0
    per_object: float = 0.0
    """How likely it dies in a call of the bucket."""
    failing: float = 0.0
    """Share of trials whose container exits with 1."""
    cancelled: float = 0.0
    """How likely somebody else cancels the running job between two supervisors."""

    @classmethod
    def drawn(cls, seed: int, *, at_event: int | None = None) -> Doom:
        chance = random.Random(f"doom/{seed}")
        calls = [
            CallFault("*", chance.choice(CODES), probability=chance.choice((0.0, 0.03, 0.1))),
            CallFault("Create*", lost_reply=True, probability=chance.choice((0.3, 0.6))),
            CallFault("*", lost_reply=True, probability=0.02),
        ]
        script = FaultScript(
            seed=seed,
            calls=tuple(calls),
            preemptions=(Preemption(after_s=chance.uniform(5, 50), probability=0.2),),
            late_listing_s=chance.choice((0.0, 4.0, 12.0, 25.0)),
        )
        mood: Mapping[str, float] = {} if at_event is not None else {
            "per_event": chance.choice((0.0, 0.1, 0.25)),
            "per_call": chance.choice((0.0, 0.05, 0.15)),
            "per_object": chance.choice((0.0, 0.005, 0.02)),
            "failing": chance.choice((0.0, 0.15, 0.5)),
            "cancelled": chance.choice((0.0, 0.0, 0.1)),
        }  # fmt: skip
        storage = StorageScript(
            seed=seed,
            calls=(
                StorageFault("*", status=chance.choice(STATUSES), probability=0.04),
                StorageFault("*", status=None, probability=chance.choice((0.0, 0.03, 0.3))),
                StorageFault("*", lost_reply=True, probability=chance.choice((0.02, 0.1))),
                # An outage: longer than a call's own patience, or than a whole supervisor's.
                StorageFault("*", call=chance.randrange(20, 300), times=chance.choice((8, 20, 60))),
            ),
            write_interval_s=1.0,
        )
        otherwise = seed % 2 == 1
        return cls(seed, script, storage, is_otherwise=otherwise, at_event=at_event, **mood)


class Killed(BaseException):
    """The supervisor is gone: nothing of it may catch this."""


class DyingJobs:
    """The service's client, in whose calls a supervisor may die."""

    def __init__(self, jobs: GoogleJobs, chance: random.Random, share: float) -> None:
        self._jobs, self._chance, self._share = jobs, chance, share

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._jobs, name)

        def dying(*args: Any, **others: Any) -> Any:
            if self._chance.random() < self._share / 2:
                raise Killed
            answer = call(*args, **others)
            if self._chance.random() < self._share / 2:
                raise Killed
            return answer

        return dying
