"""The command line as a user meets it: words in; exit code, output and errors out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesosweep.cli.app import run
from mesosweep.cli.faults import guarded
from mesosweep.testing.command import Mesosweep, Said

COUNTING = Path(__file__).parents[1] / "plugins" / "mesosweep-counting"
"""A species and an algorithm that only count, as an installed distribution."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder to work in, with the counting plugin installed and no cache."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(COUNTING), inherited])))
    monkeypatch.syspath_prepend(str(COUNTING))
    # pytest-xdist tells its workers a width, which is a wish of the user's.
    for name in [n for n in os.environ if n.startswith("MESOSWEEP_") or n == "COLUMNS"]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def mesosweep(here: Path, capfd: pytest.CaptureFixture[str]) -> Mesosweep:
    """Return `mesosweep(*words)`, run in this process."""

    def command(*words: str) -> Said:
        capfd.readouterr()
        code = guarded(lambda: run(list(words)))
        told = capfd.readouterr()
        return Said(code, told.out, told.err)

    return command
