"""The exit code of a worker says what its supervisor must do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.worker.process import main


@pytest.fixture
def argv(tmp_path: Path) -> tuple[str, ...]:
    words = ("--species=counting", "--algorithm=count", "--stage=1", "--timesteps=40")
    return ("trial", *words, f"--output-dir={tmp_path}")


def test_a_record_means_zero_whatever_it_says(argv: tuple[str, ...]) -> None:
    assert main((*argv, "--count_fault=fail"), lambda: False) == 0


def test_an_interrupted_trial_can_go_on(argv: tuple[str, ...]) -> None:
    assert main(argv, lambda: True) == 130


def test_an_errors_sentence_is_the_last_line(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main((*argv, "--count_gian=1"), lambda: False) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("--count_gian: unknown parameter")
