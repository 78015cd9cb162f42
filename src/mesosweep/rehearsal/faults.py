"""What goes wrong in a rehearsal, written down as data and the same in every run of a seed.

As a file:

    {"seed": 7,
     "calls": [{"method": "CreateHyperparameterTuningJob", "call": 1, "lost_reply": true},
               {"method": "*", "code": "RESOURCE_EXHAUSTED", "probability": 0.05}],
     "preemptions": [{"trial": "2", "after_reports": 1}],
     "late_listing_s": 5, "quota": 4, "meters": {"custom_model_training_cpus": 16}}
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from mesosweep.domain.errors import SettingsError, did_you_mean
from mesosweep.rehearsal.refusal import CODES, Code

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallFault:
    """A call that is answered with an error: the `call`-th ones of a method, or some by chance."""

    method: str = "*"
    """Name of the API's method; `*` and `?` stand for any letters."""
    code: Code = "UNAVAILABLE"
    lost_reply: bool = False
    """The work is done all the same, and only the answer is lost."""
    call: int | None = None
    """Which call of the method meets it first, from 1."""
    times: int = 1
    """How many calls in a row, from `call` on."""
    probability: float | None = None
    message: str = "injected by the rehearsal"

    def __post_init__(self) -> None:
        if (self.call is None) == (self.probability is None):
            raise SettingsError(f"fault of {self.method}: give either call or probability.")
        if self.call is not None and self.call < 1:
            raise SettingsError(f"fault of {self.method}: calls count from 1 (got {self.call}).")
        _check_code(self.code)
        _check_share(f"fault of {self.method}", self.probability)


@dataclass(frozen=True, slots=True)
class Preemption:
    """A machine taken away under a trial: SIGKILL, then a restart under the same trial id."""

    trial: str = "*"
    job: str = "*"
    """Display name of the job; both may hold `*` and `?`."""
    after_s: float | None = None
    """Seconds after the process started."""
    after_reports: int | None = None
    """Measurements of this trial so far; surer than seconds where machines differ."""
    go: int = 1
    """Which start of the trial is hit, from 1."""
    probability: float = 1.0

    def __post_init__(self) -> None:
        if (self.after_s is None) == (self.after_reports is None):
            raise SettingsError("preemption: give either after_s or after_reports.")
        _check_share("preemption", self.probability)


@dataclass(frozen=True, slots=True)
class FaultScript:
    """All that goes wrong in one rehearsal; empty by default."""

    seed: int = 0
    calls: tuple[CallFault, ...] = ()
    preemptions: tuple[Preemption, ...] = ()
    late_listing_s: float = 0.0
    """A created job is listed only after so long; `get` knows it at once."""
    quota: int | None = None
    """How many trials and custom jobs may be asked to run side by side; 0 admits no job."""
    meters: Mapping[str, int] = field(default_factory=dict)
    """Meter of the project's quota → how much of it may be asked for side by side, as CPUs or
    accelerators; a meter that is not named has no limit."""

    def __post_init__(self) -> None:
        for meter, limit in self.meters.items():
            if type(limit) is not int or limit < 0:
                raise SettingsError(
                    f"fault script: meters.{meter}: a whole number from 0 is expected "
                    f"(got {limit!r})."
                )

    def limit_of(self, meter: str) -> int | None:
        """Return what Service Usage tells of a meter; None for no limit."""
        return 0 if self.quota == 0 else self.meters.get(meter)

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> FaultScript:
        """Return the script that a JSON file holds; raises SettingsError."""
        known = dict(entries)
        for name in ("calls", "preemptions"):
            listed = known.get(name, ())
            if isinstance(listed, str) or not isinstance(listed, Sequence):
                raise SettingsError(f"fault script: {name}: a list is expected (got {listed!r}).")
        calls = tuple(_read(CallFault, entry) for entry in known.pop("calls", ()))
        hits = tuple(_read(Preemption, entry) for entry in known.pop("preemptions", ()))
        return _read(cls, {**known, "calls": calls, "preemptions": hits})


class Faults:
    """Plays a script: told of every call, it says which of them go wrong.

    Whether the n-th call of a method goes wrong by chance depends on the seed, the method and
    n alone, so two runs that make the same calls meet the same faults.
    """

    def __init__(self, script: FaultScript | None = None) -> None:
        self.script = script or FaultScript()
        self.calls: Counter[str] = Counter()
        """Method → how often it was called."""
        self.met: list[tuple[str, int, CallFault]] = []
        """(method, which call of it, fault), in order."""

    def meet(self, method: str) -> CallFault | None:
        """Count a call; return what goes wrong with it."""
        self.calls[method] += 1
        number = self.calls[method]
        for place, fault in enumerate(self.script.calls):
            if fnmatchcase(method, fault.method) and self._hits(fault, place, method, number):
                self.met.append((method, number, fault))
                return fault
        return None

    def preemption(self, *, job: str, trial_id: str, run_id: str, go: int) -> Preemption | None:
        """Return what takes the machine from this start of a trial, None for nothing."""
        for place, hit in enumerate(self.script.preemptions):
            if hit.go != go or not (fnmatchcase(trial_id, hit.trial) and fnmatchcase(job, hit.job)):
                continue
            if self._chance("preemption", place, run_id, go) < hit.probability:
                return hit
        return None

    def _hits(self, fault: CallFault, place: int, method: str, number: int) -> bool:
        if fault.call is not None:
            return fault.call <= number < fault.call + fault.times
        return self._chance("call", place, method, number) < (fault.probability or 0.0)

    def _chance(self, *what: object) -> float:
        return random.Random("/".join(map(str, (self.script.seed, *what)))).random()


def _read(kind: type[T], entry: Mapping[str, Any]) -> T:
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # only dataclasses come here
    for key in entry:
        if key not in names:
            raise SettingsError(
                f"fault script: {key}: unknown key.",
                hint=f"{did_you_mean(key, names)}Known: {', '.join(names)}",
            )
    return kind(**entry)


def _check_code(code: str) -> None:
    if code not in CODES:
        raise SettingsError(
            f"fault script: {code}: no status code of the API.",
            hint=f"{did_you_mean(code, CODES)}Known: {', '.join(CODES)}",
        )


def _check_share(what: str, share: float | None) -> None:
    if share is not None and not 0.0 <= share <= 1.0:
        raise SettingsError(f"{what}: probability must lie in [0, 1] (got {share}).")


def check_methods(script: FaultScript, methods: Sequence[str]) -> None:
    """Refuse a script whose faults name a method that there is not; raises SettingsError."""
    for fault in script.calls:
        if not any(fnmatchcase(method, fault.method) for method in methods):
            raise SettingsError(
                f"fault script: {fault.method}: no method of the service.",
                hint=f"{did_you_mean(fault.method, methods)}Known: {', '.join(methods)}",
            )
