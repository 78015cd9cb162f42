"""Who writes: what is told to somebody else who wanted to."""

from __future__ import annotations

import os
import socket


def this_process() -> str:
    """Return what this process is called on whatever machine it is read."""
    return f"pid {os.getpid()} on {socket.gethostname()}"
