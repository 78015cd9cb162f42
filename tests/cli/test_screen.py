"""A live table for a person at a terminal, plain lines for everyone else."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pexpect
import pytest

from mesosweep.cli.screen import is_repaintable

COUNTING = (
    *("--species", "counting", "--algorithm", "count", "--sampler", "random", "--no-check"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "repaints"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True),
        ({"TERM": "xterm-256color", "CI": "true"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_only_a_real_terminal_is_painted_on(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, repaints: bool
) -> None:
    for name in ("TERM", "CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert is_repaintable(Terminal()) is repaints
    assert not is_repaintable(io.StringIO())


@pytest.mark.slow
@pytest.mark.parametrize(("ci", "painted"), [("", True), ("1", False)])
def test_a_terminal_sees_the_table_move(here: Path, ci: str, *, painted: bool) -> None:
    environment = {**os.environ, "TERM": "xterm-256color", "CI": ci}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "mesosweep", "launch", *COUNTING, "--trials", "2"],
        env=environment,
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=300,
    )
    child.expect(pexpect.EOF)
    child.close()

    seen = child.before or ""
    assert child.exitstatus == 0, seen
    hides_the_cursor = "\x1b[?25l"
    assert (hides_the_cursor in seen) is painted
    assert ("stage 1: trial 0 runs" in seen) is not painted
    assert "verified (95 %)" in seen
