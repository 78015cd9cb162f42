"""Periodic checkpoints: the newest whole one is what a lost trial goes on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mesosweep.domain.errors import StoreError
from mesosweep.records import periodic
from mesosweep.records.periodic import (
    clear_unfinished,
    drop_periodic,
    latest_whole,
    publish_periodic,
)


def saving(text: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        (folder / "training.json").write_text(text)
        (folder / "training.npz").write_text(text)

    return save


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir())


def test_the_latest_two_are_kept(tmp_path: Path) -> None:
    for step in (100, 200, 1000):
        publish_periodic(tmp_path, saving(str(step)), step=step)

    assert steps(tmp_path) == [200, 1000]
    found, passed_over = latest_whole(tmp_path)
    assert found is not None
    assert found.step == 1000
    assert (found.folder / "training.json").read_text() == "1000"
    assert passed_over == ()


def test_a_damaged_one_is_passed_over_with_its_reason(tmp_path: Path) -> None:
    publish_periodic(tmp_path, saving("1"), step=1, meta={"best": 3.5})
    newest = publish_periodic(tmp_path, saving("2"), step=2)
    (newest.folder / "training.npz").write_text("cut")

    found, passed_over = latest_whole(tmp_path)

    assert found is not None
    assert (found.step, found.meta) == (1, {"best": 3.5})
    assert "training.npz" in passed_over[0]


def test_where_none_is_whole_there_is_none(tmp_path: Path) -> None:
    only = publish_periodic(tmp_path, saving("1"), step=1)
    (only.folder / "manifest.json").unlink()

    assert latest_whole(tmp_path)[0] is None
    assert latest_whole(tmp_path / "nowhere") == (None, ())


def test_the_same_step_may_be_published_again(tmp_path: Path) -> None:
    publish_periodic(tmp_path, saving("1"), step=1)

    publish_periodic(tmp_path, saving("again"), step=1)

    found, _ = latest_whole(tmp_path)
    assert found is not None
    assert (found.folder / "training.json").read_text() == "again"


@pytest.mark.parametrize("left", ["nothing", "a half"])
def test_a_whole_one_that_only_waited_for_its_place_gets_it(tmp_path: Path, left: str) -> None:
    publish_periodic(tmp_path, saving("1"), step=1)
    (tmp_path / "1").replace(tmp_path / ".aside-x")
    if left == "a half":
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "training.json").write_text("old")

    clear_unfinished(tmp_path)

    found, passed_over = latest_whole(tmp_path)
    assert found is not None
    assert (found.folder / "training.json").read_text() == "1"
    assert passed_over == ()
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_of_heavy_ones_only_the_latest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "_HEAVY_BYTES", 1)

    for step in (1, 2):
        publish_periodic(tmp_path, saving("replay"), step=step)

    assert steps(tmp_path) == [2]


def test_a_failed_save_leaves_the_older_ones(tmp_path: Path) -> None:
    publish_periodic(tmp_path, saving("1"), step=1)

    def fails(folder: Path) -> None:
        saving("2")(folder)
        raise OSError(30, "Read-only file system")

    with pytest.raises(StoreError, match="read-only"):
        publish_periodic(tmp_path, fails, step=2)

    assert steps(tmp_path) == [1]


def test_what_a_killed_writer_left_is_no_checkpoint_and_can_be_cleared(tmp_path: Path) -> None:
    publish_periodic(tmp_path, saving("1"), step=1)
    (tmp_path / ".aside-x").mkdir()
    (tmp_path / ".aside-x" / "training.json").write_text("half")

    found, _ = latest_whole(tmp_path)
    clear_unfinished(tmp_path)

    assert found is not None
    assert found.step == 1
    assert steps(tmp_path) == [1]


def test_all_go_when_the_trial_has_ended(tmp_path: Path) -> None:
    publish_periodic(tmp_path / "checkpoint", saving("1"), step=1)

    drop_periodic(tmp_path / "checkpoint")
    drop_periodic(tmp_path / "checkpoint")

    assert not (tmp_path / "checkpoint").exists()
