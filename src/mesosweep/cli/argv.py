"""Words that are rewritten before Typer may read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesosweep.cli.rehearsing import Rehearsal


@dataclass(frozen=True, slots=True)
class Words:
    """What a command needs to know of argv beside its own options."""

    argv: tuple[str, ...]
    """As typed, the command's name first."""
    injected: dict[str, str]
    """Parameters that a tuning service added, as text."""
    rehearsal: Rehearsal | None = None
    """The cloud of this machine, where that stands for the real one."""


_PER_STAGE = re.compile(r"--(trials|timesteps|parallel)-stage(\d+)(?:=(.*))?", re.DOTALL)
ALIASES = {"launch-all": "run-all"}
_REWRITTEN = (
    "run-all",
    "launch",
    "plan",
    "trial",
    "train",
    "evaluate",
    "render",
    "collect-results",
)
"""Commands with options that take several values, or one value per stage."""


def per_stage(argv: Sequence[str]) -> list[str]:
    """Rewrite `--trials-stage2 7` as `--trials-stageN 2=7`: a species may have any number of stages."""
    told: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            return [*told, word, *words]
        found = _PER_STAGE.fullmatch(word)
        if found is None:
            told.append(word)
            continue
        what, stage, value = found.groups()
        if value is None:
            value = words.pop(0) if words else ""
        told.append(f"--{what}-stageN={stage}={value}")
    return told


def prepared(argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return argv as Typer can read it, and the parameters that a tuning service injected.

    Raises:
        UsageError: an injected parameter without a value, or given twice.
    """
    if argv[0] not in _REWRITTEN:
        return list(argv), {}
    from mesosweep.settings.arguments import normalise, take_injected

    injected: dict[str, str] = {}
    rest = list(argv)
    if argv[0] == "trial":
        from mesosweep.plugins import ALGORITHMS, Registry

        prefixes = {*Registry().names(ALGORITHMS), "env", "curriculum"}
        rest, injected = take_injected(rest, prefixes)
    return per_stage(normalise(rest)), injected
