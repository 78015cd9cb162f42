"""Imported by the server that forks workers, before the first of them: what all of them need.

Not imported anywhere else.
"""

from __future__ import annotations

import contextlib
import gc
import os
from importlib import import_module

PRELOAD = "MESOSWEEP_PRELOAD"
"""Environment variable: names of modules, with commas between."""

for _name in filter(None, os.environ.pop(PRELOAD, "").split(",")):
    # What cannot be imported here is met again in the worker, which has somewhere to say so.
    with contextlib.suppress(Exception, SystemExit):
        import_module(_name)
# Pages that no collection touches stay shared with every worker.
gc.collect()
gc.freeze()
