"""What a worker says is heard here, and kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mesosweep.domain.errors import StoreError
from mesosweep.worker.logged import logged


def test_both_streams_are_heard_and_kept_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "3" / "worker.log"
    before = sys.stdout, sys.stderr

    with logged(path, first="# now") as log:
        print("to you")
        print("to whom it may concern", file=sys.stderr)
        log.write("to the file\n")
        assert sys.stdout.isatty() == before[0].isatty()
    print("afterwards")

    told = capsys.readouterr()
    assert told.out == "to you\nafterwards\n"
    assert told.err == "to whom it may concern\n"
    assert path.read_text() == "# now\nto you\nto whom it may concern\nto the file\n"
    assert (sys.stdout, sys.stderr) == before


def test_what_an_earlier_machine_said_stays(tmp_path: Path) -> None:
    for turn in ("# first", "# second"):
        with logged(tmp_path / "worker.log", first=turn):
            pass

    assert (tmp_path / "worker.log").read_text() == "# first\n# second\n"


def test_the_streams_come_back_after_a_fault(tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr

    with pytest.raises(KeyError), logged(tmp_path / "worker.log", first="#"):
        raise KeyError

    assert (sys.stdout, sys.stderr) == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "3").write_text("a file in the way")

    with (
        pytest.raises(StoreError, match=r"worker\.log"),
        logged(tmp_path / "3" / "worker.log", first="#"),
    ):
        pass
