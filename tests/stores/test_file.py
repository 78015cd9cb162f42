"""A state on disk is whole, is the latest, or is refused with a sentence."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mesosweep.domain.errors import StateDamaged, StoreError, StoreUnreachable
from mesosweep.ports import Store
from mesosweep.stores.file import FileStore
from mesosweep.testing.store import KEY, StoreSuite, a_state


class TestFileStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.root = tmp_path / "sweeps" / "ratite" / "ppo"

    def open_store(self) -> Store:
        return FileStore(self.root)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / f"{KEY}.json"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.99])
def test_a_state_cut_short_is_refused(store: FileStore, path: Path, share: float) -> None:
    store.save(KEY, a_state(), replacing=None)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(StateDamaged, match="cannot be believed") as refused:
        store.load(KEY)

    assert refused.value.exit_code == 5
    assert str(path) in str(refused.value)


def test_bytes_that_are_no_text_are_refused(store: FileStore, path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00garbage")

    with pytest.raises(StateDamaged):
        store.load(KEY)


def test_a_folder_in_the_files_place_is_not_taken_for_absence(store: FileStore, path: Path) -> None:
    path.mkdir()

    with pytest.raises(StoreUnreachable):
        store.load(KEY)


def test_a_file_that_cannot_be_read_before_it_is_replaced_is_waited_for_by_nobody(
    store: FileStore, path: Path
) -> None:
    path.mkdir()

    with pytest.raises(StoreError) as refused:
        store.save(KEY, a_state(), replacing=None)

    assert not isinstance(refused.value, StoreUnreachable)


def test_a_damaged_state_is_set_aside_without_loss(store: FileStore, path: Path) -> None:
    path.write_text("half of a sta")

    store.set_aside(KEY)

    assert store.load(KEY) is None
    assert (path.parent / f"{KEY}.1.json").read_text() == "half of a sta"


def test_what_was_set_aside_is_never_overwritten(store: FileStore, path: Path) -> None:
    for text in ("first", "second"):
        path.write_text(text)
        store.set_aside(KEY)

    kept = [(path.parent / f"{KEY}.{n}.json").read_text() for n in (1, 2)]
    assert kept == ["first", "second"]


def test_a_full_disk_is_a_sentence_and_the_last_state_stays(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.save(KEY, a_state(), replacing=None)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device") as refused:
        store.save(KEY, replace(a_state(), attempt=1), replacing=version)

    assert refused.value.exit_code == 5
    assert store.load(KEY) == (a_state(), version)
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_place_that_cannot_be_a_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FileStore(tmp_path / "file" / "sweep")

    with pytest.raises(StoreError) as refused:
        store.save(KEY, a_state(), replacing=None)

    assert refused.value.exit_code == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_a_sentence(store: FileStore, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(StoreError, match="Permission denied"):
            store.save(KEY, a_state(), replacing=None)
    finally:
        tmp_path.chmod(0o755)
