"""The word that a trial is to end early."""

from __future__ import annotations

from pathlib import Path

from mesosweep.records.stop import read_stop, write_stop


def test_what_was_said_first_stands(tmp_path: Path) -> None:
    path = tmp_path / "3" / "stop.json"
    assert read_stop(path) is None

    write_stop(path, "below the median")
    write_stop(path, "something else")

    assert read_stop(path) == "below the median"


def test_a_word_that_cannot_be_read_is_none_and_may_be_said_again(tmp_path: Path) -> None:
    path = tmp_path / "stop.json"
    path.write_text('{"rea')

    assert read_stop(path) is None
    write_stop(path, "below the median")
    assert read_stop(path) == "below the median"
