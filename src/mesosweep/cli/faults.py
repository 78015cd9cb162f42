"""What becomes of an error: one sentence, what to do about it, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mesosweep.domain.errors import MesosweepError, UsageError

if TYPE_CHECKING:
    from typer._click.exceptions import ClickException

FAULT = 1
INTERRUPTED = 130


def guarded(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; whatever goes wrong is told on standard error.

    With `MESOSWEEP_DEBUG=1` the traceback comes, too.
    """
    try:
        return _flushed(command())
    except MesosweepError as error:
        _debug()
        complain(str(error), error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`mesosweep status | head`). Python would complain once
        # more when it flushes standard output at exit, so there must be nothing to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    except Exception as error:  # noqa: BLE001  # the one place where nothing may get past
        _debug()
        complain(
            f"mesosweep met a fault of its own: {type(error).__name__}: {_first_line(error)}",
            f"Please report it with this file: {_crash_report(error)}",
        )
        return FAULT


def _flushed(code: int) -> int:
    sys.stdout.flush()
    return code


def complain(message: str, hint: str | None = None) -> None:
    """Write an error and what to do about it to standard error."""
    print(f"error: {message}", file=sys.stderr)
    for line in (hint or "").strip().splitlines():
        print(f"  {line}", file=sys.stderr)


def say(text: str) -> None:
    """Write something that is not a result to standard error."""
    print(text, file=sys.stderr, flush=True)


def _debug() -> None:
    """Print the traceback for those who asked for it."""
    if os.environ.get("MESOSWEEP_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exc()


def usage_error(
    error: ClickException, argv: Sequence[str], *, options: Sequence[str], command: str
) -> UsageError:
    """Return Typer's complaint about the words of a command as one of ours, value shown."""
    from mesosweep.domain.errors import did_you_mean

    text = " ".join(error.format_message().split()).rstrip(".")
    named = getattr(getattr(error, "param", None), "opts", ["?"])[0]
    for typers, ours in _TYPERS_WORDS.items():
        if typers in text and (value := _value_of(named, argv)) is not None:
            text = f"{named}: '{value}' is not {ours}"
    text, _, _ = text.partition(" (Possible options")
    wrong = getattr(error, "option_name", None)
    nearest = did_you_mean(str(wrong), options) if wrong else ""
    return UsageError(f"{text}.", hint=f"{nearest}All options: {command} --help")


_TYPERS_WORDS = {
    "Input should be a valid integer": "a whole number",
    "Input should be a valid number": "a number",
}


def _value_of(option: str, argv: Sequence[str]) -> str | None:
    """Return the last value that argv gives an option, in either spelling."""
    for place in range(len(argv) - 1, -1, -1):
        name, equals, value = argv[place].partition("=")
        if name == option:
            return value if equals else argv[place + 1] if place + 1 < len(argv) else None
    return None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def _crash_report(error: Exception) -> str:
    import tempfile
    import traceback
    from datetime import UTC, datetime
    from pathlib import Path

    from mesosweep import __version__

    name = f"mesosweep-crash-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    path = Path(tempfile.gettempdir()) / name
    # No argv and no environment: both may hold secrets.
    text = f"mesosweep {__version__}, Python {sys.version}, {sys.platform}\n\n"
    text += "".join(traceback.format_exception(error))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        return "(it could not be written; set MESOSWEEP_DEBUG=1 and try again)"
    return str(path)
