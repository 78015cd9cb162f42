"""The command-line reference, written from the commands themselves.

`python -m mesosweep.cli.reference > docs/reference/cli.md`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from mesosweep.cli.app import PROGRAM, app

_HEAD = f"""# The command line

Written by `python -m mesosweep.cli.reference`; edit the commands, not this file.

Results go to standard output, everything else to standard error. Exit codes: 0 done,
1 a fault of mesosweep (or a check of `doctor`, or a trial that failed), 2 the command, a
file or a plugin is wrong, 3 a stage's gate was not passed, 4 the place where trials run
refused, 5 saved state or a checkpoint cannot be read or written, 6 the budget is reached,
130 interrupted: the same command goes on.

`{PROGRAM} launch-all` is `{PROGRAM} run-all`. Options that take several values
(`--override a=1 b=2`) may also be repeated.
"""


def reference() -> str:
    """Return `docs/reference/cli.md`."""
    return _HEAD + "".join(_sections(get_command(app), PROGRAM))


def _sections(command: Any, path: str) -> Iterator[str]:  # Typer keeps the type of commands private
    for name, child in getattr(command, "commands", {}).items():
        if child.hidden:
            continue
        yield from _section(child, f"{path} {name}")
        yield from _sections(child, f"{path} {name}")


def _section(command: Any, path: str) -> Iterator[str]:
    yield f"\n## {path}\n\n{_plain(command.help or '')}\n"
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    if arguments:
        yield "\n| argument | |\n|---|---|\n"
        for argument in arguments:
            yield f"| `{argument.metavar or argument.name.upper()}` | {_cell(argument.help)} |\n"
    for panel, options in _panels(command).items():
        yield f"\n| {panel} | |\n|---|---|\n"
        for option in options:
            yield f"| {_names(option)} | {_cell(option.help)} |\n"
    if command.epilog:
        yield f"\n{_examples(command.epilog)}"


def _panels(command: Any) -> dict[str, list[Any]]:
    panels: dict[str, list[Any]] = {}
    for option in command.params:
        if option.param_type_name == "option" and not option.hidden:
            panel = getattr(option, "rich_help_panel", None) or "Options"
            panels.setdefault(panel, []).append(option)
    return panels


def _names(option: Any) -> str:
    told = " / ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return f"`{told}`"
    kind = getattr(option.type_descriptor.annotation, "__name__", "value")
    return _cell(f"`{told} {option.metavar or kind.upper()}`")


def _examples(epilog: str) -> str:
    """Return commands as code and sentences as text, in their order."""
    told = []
    for part in epilog.split("\n\n"):
        is_command = part.startswith(f"{PROGRAM} ") and not part.endswith(".")
        told.append(f"```\n{part}\n```\n" if is_command else f"{part}\n")
    return "\n".join(told)


def _plain(markup: str) -> str:
    lines = (line.strip() for line in re.sub(r"\[/?[a-z ]+\]", "", markup).splitlines())
    return "\n".join(lines).strip()


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    print(reference(), end="")
