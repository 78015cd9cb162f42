"""How a sweep was run is kept, one line per run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mesosweep.report.results.commands import NAME, remember, remembered

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_commands_come_back_in_order(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there" / "yet"

    remember(root, ["run-all", "--species", "moa"], now=NOW)
    remember(root, ["run-all", "--species", "moa", "--trials", "9"], now=NOW)

    first, second = remembered(root)
    assert first["argv"] == ["mesosweep", "run-all", "--species", "moa"]
    assert second["argv"][-1] == "9"
    assert first["cwd"] == str(Path.cwd())
    assert first["at"] == "2026-03-02T09:30:00+00:00"


def test_a_torn_line_hides_no_other(tmp_path: Path) -> None:
    remember(tmp_path, ["status"], now=NOW)
    with (tmp_path / NAME).open("a") as file:
        file.write('{"argv": ["mesosw\n[]\n{"argv": 5}\n')
    remember(tmp_path, ["plan"], now=NOW)

    assert [told["argv"][1] for told in remembered(tmp_path)] == ["status", "plan"]


def test_none_were_kept(tmp_path: Path) -> None:
    assert remembered(tmp_path) == ()
