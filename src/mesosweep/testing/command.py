"""What one command of the program said: for tests of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Said:
    """Exit code, standard output and standard error of one command."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that begins with `error:`; ValueError when there is none, or several."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return line.removeprefix("error: ")


class Mesosweep(Protocol):
    """Runs `mesosweep` with these words."""

    def __call__(self, *words: str) -> Said: ...
