"""Every error is a sentence and an exit code, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.cli.faults import guarded
from mesosweep.domain import errors


def leaves(kind: type[errors.MesosweepError]) -> list[type[errors.MesosweepError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return below or [kind]


def fail(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    "kind",
    [k for k in leaves(errors.MesosweepError) if k.__init__ is errors.MesosweepError.__init__],
)
def test_each_of_our_errors_ends_in_its_sentence_its_hint_and_its_code(
    kind: type[errors.MesosweepError], capsys: pytest.CaptureFixture[str]
) -> None:
    code = guarded(lambda: fail(kind("It is broken.", hint="Mend it.")))

    said = capsys.readouterr()
    assert code == kind.exit_code
    assert said.err == "error: It is broken.\n  Mend it.\n"
    assert said.out == ""


def test_a_fault_of_ours_is_one_line_and_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    code = guarded(lambda: fail(RuntimeError("first line\nsecond line")))

    err = capsys.readouterr().err
    (report,) = tmp_path.iterdir()
    assert code == 1
    assert "RuntimeError: first line" in err
    assert "Traceback" not in err
    assert str(report) in err
    assert "Traceback" in report.read_text()
    assert "second line" in report.read_text()


def test_debugging_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESOSWEEP_DEBUG", "1")

    assert guarded(lambda: fail(errors.UsageError("no"))) == 2

    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: fail(KeyboardInterrupt())) == 130

    assert "Traceback" not in capsys.readouterr().err
