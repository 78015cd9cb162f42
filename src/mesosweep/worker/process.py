"""A trial as a process: argv in, exit code out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from mesosweep.domain.errors import Interrupted, MesosweepError
from mesosweep.plugins import Registry
from mesosweep.worker.published import run_asked
from mesosweep.worker.request import parse_request


def main(argv: Sequence[str], stop: Callable[[], bool]) -> int:
    """Run `mesosweep trial …`, given from its first word on.

    Returns 0 once the trial's record is there, whatever it says; 130 when the trial was
    interrupted and can go on; else the exit code of the error, whose sentence is the
    last line on stderr.
    """
    registry = Registry()
    try:
        trial = run_asked(parse_request(argv, registry=registry), stop=stop, registry=registry)
    except MesosweepError as error:
        if error.hint:
            print(error.hint, file=sys.stderr)
        print(" ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    return 0 if trial.has_ended else Interrupted.exit_code
