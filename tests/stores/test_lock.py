"""Two supervisors never run one sweep, and a dead one is in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mesosweep.domain.errors import StoreError, SweepLocked
from mesosweep.stores.lock import acquire_lock

NOW = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)


def test_the_second_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    with (
        acquire_lock(tmp_path, now=NOW),
        pytest.raises(SweepLocked) as refused,
        acquire_lock(tmp_path, now=NOW, patience_s=0),
    ):
        raise AssertionError("two hold the lock")

    assert f"(pid {os.getpid()}, since 2026-11-22 17:30:00)" in str(refused.value)
    assert refused.value.exit_code == 5


def test_a_lock_that_was_let_go_can_be_taken(tmp_path: Path) -> None:
    for _ in range(2):
        with acquire_lock(tmp_path, now=NOW):
            pass


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    with acquire_lock(tmp_path, now=NOW):
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )
    try:
        with acquire_lock(tmp_path, now=NOW):
            pass
        assert child.poll() is None
    finally:
        child.communicate(b"\n")


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    code = (
        "import os, sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from mesosweep.stores.lock import acquire_lock\n"
        "with acquire_lock(Path(sys.argv[1]), now=datetime.now(UTC)): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9

    with acquire_lock(tmp_path, now=NOW):
        assert f"pid {os.getpid()}" in (tmp_path / ".lock").read_text()


def test_an_impossible_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with (
        pytest.raises(StoreError, match="cannot be written"),
        acquire_lock(tmp_path / "file", now=NOW),
    ):
        raise AssertionError("a file is no folder")
