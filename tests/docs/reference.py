"""Write `docs/reference/events-and-errors.md` from the docstrings it describes.

python tests/docs/reference.py > docs/reference/events-and-errors.md
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator

from mesosweep.domain import errors, events
from mesosweep.plugins import KINDS
from mesosweep.ports.opening import OFFERED


def page() -> str:
    """Return the whole page; equal code, equal page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Plugins, events, errors"
    yield ""
    yield "Generated from the code by `python tests/docs/reference.py`; a test compares it."
    yield ""
    yield "## Kinds of plugin"
    yield ""
    yield "| kind | entry-point group | what the entry point names |"
    yield "|---|---|---|"
    for kind in KINDS:
        what = f"a value of type `{kind.type.__name__}`" if kind.type else "a factory"
        yield f"| {kind.word} | `{kind.group}` | {what} |"
    yield ""
    yield "A backend's factory is called with keyword arguments: those of these that it names."
    yield ""
    yield "| name | what it is |"
    yield "|---|---|"
    for name, meaning in OFFERED.items():
        yield f"| `{name}` | {meaning} |"
    yield ""
    yield "## Events"
    yield ""
    yield "`run-all --events FILE` writes one JSON object a line, `event` first."
    yield ""
    yield "| event | what has become true |"
    yield "|---|---|"
    for event in typing.get_args(events.Event):
        yield f"| `{event.__name__}` | {_first(event)} |"
    yield ""
    yield "## Errors"
    yield ""
    yield "| error | exit code | what it means |"
    yield "|---|---|---|"
    for error in _errors():
        yield f"| `{error.__name__}` | {error.exit_code} | {_first(error)} |"


def _errors() -> list[type[errors.MesosweepError]]:
    found = [value for value in vars(errors).values() if inspect.isclass(value)]
    return [error for error in found if issubclass(error, errors.MesosweepError)]


def _first(thing: type) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


if __name__ == "__main__":
    sys.stdout.write(page())
