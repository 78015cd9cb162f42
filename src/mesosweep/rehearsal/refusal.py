"""How the service says no: a status code, a sentence, and what exactly was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Code: TypeAlias = Literal[
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]
"""Names of `google.rpc.Code`, in the order of their numbers from 1."""
CODES: tuple[Code, ...] = get_args(Code)
NUMBERS: dict[str, int] = {code: number for number, code in enumerate(CODES, start=1)}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that was wrong: a field of the request, or a quota."""

    subject: str
    description: str


class Refusal(Exception):
    """An error that the service answers a call with."""

    def __init__(self, code: Code, message: str, *violations: Violation) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.violations = violations

    def __repr__(self) -> str:
        return f"Refusal({self.code}: {self.message})"


def invalid(field: str, problem: str) -> Refusal:
    """Return the refusal of a request whose `field` cannot be as it is."""
    return Refusal("INVALID_ARGUMENT", f"{field}: {problem}", Violation(field, problem))
