"""Imported by the server that forks workers, before the first of them: what all of them need.

Not imported for its effects anywhere else.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from mesosweep.plugins import SPECIES, Registry

PRELOAD = "MESOSWEEP_PRELOAD"
"""Environment variable, set for the server alone; holds what `order` returns."""


def order(modules: Sequence[str]) -> str:
    """Return what the server is to import, and from where: its own path may lack a folder."""
    return json.dumps(
        {"path": [place or str(Path.cwd()) for place in sys.path], "modules": modules}
    )


def _obey(text: str) -> None:
    told = json.loads(text)
    sys.path[:] = told["path"]
    # What cannot be imported here is met again in the worker, which has somewhere to say so.
    for name in told["modules"]:
        with contextlib.suppress(Exception, SystemExit):
            import_module(name)
    # Looks through all installed distributions, once for all workers.
    Registry().names(SPECIES)
    # Pages that no collection touches stay shared with every worker.
    gc.collect()
    gc.freeze()


if (_text := os.environ.pop(PRELOAD, None)) is not None:
    _obey(_text)
