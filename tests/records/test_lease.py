"""One process per trial folder, and a dead or stuck one is in nobody's way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mesosweep.domain.errors import StoreError, SweepLocked
from mesosweep.records import lease

HOLDER = """
import sys
from pathlib import Path
from mesosweep.records import lease
with lease.hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lease until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_lease_is_held_by_one(tmp_path: Path) -> None:
    with (
        another(tmp_path) as other,
        pytest.raises(SweepLocked, match=str(other.pid)),
        lease.hold(tmp_path),
    ):
        raise AssertionError("two hold it")


def test_a_lease_that_was_let_go_is_free(tmp_path: Path) -> None:
    for _ in range(2):
        with lease.hold(tmp_path):
            pass


def test_it_dies_with_its_holder(tmp_path: Path) -> None:
    with another(tmp_path) as other:
        other.kill()
        other.wait()

        with lease.hold(tmp_path):
            pass


def test_freeing_waits_for_a_holder_that_is_about_to_end(tmp_path: Path) -> None:
    with another(tmp_path) as other:
        assert other.stdin is not None
        other.stdin.close()

        lease.free(tmp_path, patience_s=20)

        assert other.wait(20) == 0
        other.stdin = None


def test_freeing_ends_a_holder_that_stays(tmp_path: Path) -> None:
    with another(tmp_path) as other:
        os.kill(other.pid, signal.SIGSTOP)

        lease.free(tmp_path, patience_s=0.05)

        assert other.wait(5) == -signal.SIGKILL


def test_a_process_that_merely_has_the_holders_number_is_left_alone(tmp_path: Path) -> None:
    with another(tmp_path) as other:
        (tmp_path / "lease").write_text(f"{other.pid} 12345")

        with pytest.raises(StoreError, match="an unknown process"):
            lease.free(tmp_path, patience_s=0.05)

        assert other.poll() is None


def test_freeing_what_was_never_held_makes_nothing(tmp_path: Path) -> None:
    lease.free(tmp_path / "trial")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="cannot be written"), lease.hold(tmp_path / "file" / "3"):
        raise AssertionError("a file is no folder")
