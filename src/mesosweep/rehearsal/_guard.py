"""Runs one command and ends with it, or ends it when the pipe on stdin closes.

Started as a script, by path: `python -I -S _guard.py WORD…`. Whoever holds the other end of
stdin need not do anything when it dies: the command's whole process group dies with it.
"""

import os
import signal
import subprocess
import sys
import threading

NOT_STARTED = 127


def main() -> int:
    # The group is asked to stop as a whole; this process leaves when the command has. A handler
    # that does nothing, since an ignored signal would stay ignored in the command.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # noqa: S603  # the job's own command
    except OSError as cause:
        print(f"{sys.argv[1]}: {cause.strerror}", file=sys.stderr)
        return NOT_STARTED
    threading.Thread(target=_watch, daemon=True).start()
    code = command.wait()
    return code if code >= 0 else 128 - code


def _watch() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
