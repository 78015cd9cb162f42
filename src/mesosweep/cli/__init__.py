"""Floor 4: the command line. It wires, prints and exits; nothing imports it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from mesosweep.cli.faults import guarded


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if argv is None else argv)
    sys.exit(guarded(lambda: _run(words)))


def _run(words: list[str]) -> int:
    from mesosweep.cli.app import run

    return run(words)
