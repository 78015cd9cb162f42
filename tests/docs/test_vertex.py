"""Every command of docs/vertex.md is one that the command line takes, and every switch is there."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mesosweep.cli import argv as words_of
from mesosweep.cli.app import app
from mesosweep.rehearsal.cloud import read_faults
from mesosweep.rehearsal.undocumented import Undocumented
from mesosweep.settings.sweepfile import parse_sweep

PAGE = (Path(__file__).parents[2] / "docs" / "vertex.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [
    line.partition(" > ")[0]
    for block in BLOCKS
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("mesosweep ")
]
INLINE = re.findall(r"`(mesosweep [a-z-]+)[^`]*`", PAGE)


def taken(words: list[str]) -> None:
    """Raise what the command line would raise for these words."""
    command: Any = get_command(app)
    name = words_of.ALIASES.get(words[0], words[0])
    prepared, _ = words_of.prepared([name, *words[1:]])
    while hasattr(command, "commands"):
        assert prepared[0] in command.commands, f"no command {prepared[0]}"
        command, prepared = command.commands[prepared[0]], prepared[1:]
    context = command.make_context(words[0], list(prepared))
    if name == "rehearse" and context.params["command"] != ["stop"]:
        taken(context.params["command"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one_that_is_taken(command: str) -> None:
    taken(shlex.split(command)[1:])


@pytest.mark.parametrize("command", sorted(set(INLINE)))
def test_every_command_that_is_named_is_there(command: str) -> None:
    name = command.split()[1]

    assert words_of.ALIASES.get(name, name) in get_command(app).commands  # type: ignore[attr-defined]


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 12


def test_every_switch_of_what_is_documented_nowhere_is_listed() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))

    assert {field.name for field in fields(Undocumented)} <= listed


def test_the_example_of_faults_is_one_that_can_be_played() -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (faults,) = [block for block in blocks if "preemptions" in block]
    (sweep,) = [block for block in blocks if "stage1" in block]

    service, storage, turned = read_faults(faults)

    assert service.preemptions
    assert storage.write_interval_s == 1
    assert set(turned) == {"numbers", "arguments"}
    assert parse_sweep(sweep, source="docs").job["spot"] is True
