"""Files are replaced in one step, and what goes wrong is a sentence."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path

import pytest

from mesosweep.domain.errors import StoreError
from mesosweep.records.files import place, write_json, write_text, writing


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"

    write_text(path, "one")
    write_text(path, "zwölf")

    assert path.read_text(encoding="utf-8") == "zwölf"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"file\.txt: cannot be written: the disk is full"):
        write_text(path, "new")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (28, "the disk is full"),
        (30, "read-only"),
        (13, "permission denied"),
        (1, "permission denied"),
        (5, "Input/output error"),
    ],
)
def test_the_systems_reasons_are_told_in_words(number: int, told: str) -> None:
    with pytest.raises(StoreError, match=told) as caught, writing(Path("somewhere")):
        raise OSError(number, os.strerror(number))

    assert caught.value.exit_code == 5


def test_a_file_in_the_way_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(StoreError, match="taken"):
        write_text(tmp_path / "taken" / "file.txt", "x")


def test_numbers_that_are_none_become_null(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": -math.inf}})

    told = json.loads((tmp_path / "a.json").read_text())
    assert told == {"a": None, "b": [None, 1.5], "c": {"d": None}}


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_placed_file_replaces_its_target(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_text("new")
    (tmp_path / "target").write_text("old")
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)

    for _ in range(2):  # the second time both may be names of one file already
        place(tmp_path / "source", tmp_path / "target")

    assert (tmp_path / "target").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 2


def _no_links(self: Path, target: Path) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(self), None, str(target))


def test_files_obey_the_umask(tmp_path: Path) -> None:
    write_text(tmp_path / "plain", "")
    plain = (tmp_path / "other").open("w")
    plain.close()

    assert (tmp_path / "plain").stat().st_mode == (tmp_path / "other").stat().st_mode
