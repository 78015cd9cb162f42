"""The counting plugin on the path, for this process and for its workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "plugins" / "mesosweep-counting"


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(PLUGIN), inherited])))
    monkeypatch.syspath_prepend(str(PLUGIN))
