"""Help: every command explains itself, and the written reference is what the commands say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mesosweep.cli.app import app
from mesosweep.cli.reference import reference
from mesosweep.testing.command import Mesosweep

GOLDEN = Path(__file__).parent / "golden"
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield (*path, name), child
        yield from commands(child, (*path, name))


ALL = {path: command for path, command in commands(get_command(app)) if not command.hidden}


def test_the_overview_is_the_agreed_one(
    mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "100")

    told = "\n".join(line.rstrip() for line in mesosweep("--help").out.splitlines())

    assert told.strip() == (GOLDEN / "help.txt").read_text().strip()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_each_option_and_gives_an_example(
    mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "200")

    said = mesosweep(*path, "--help")

    assert said.code == 0
    command = ALL[path]
    for option in command.params:
        assert option.help, f"{option.name} has no help"
        if option.param_type_name == "option":
            assert option.opts[0] in said.out
    if not hasattr(command, "commands"):
        assert f"mesosweep {' '.join(path)} " in re.sub(r"\s+", " ", said.out)


def test_no_trial_option_is_short(mesosweep: Mesosweep) -> None:
    # Typer would read the value in `--env_y -5e-3` as options.
    for option in ALL["trial",].params:
        assert all(word.startswith("--") for word in option.opts)


def test_without_a_word_it_shows_the_overview(mesosweep: Mesosweep) -> None:
    assert mesosweep().out == mesosweep("--help").out
    assert mesosweep("stages").out == mesosweep("stages", "--help").out


def test_the_written_reference_is_what_the_commands_say() -> None:
    assert REFERENCE.read_text() == reference(), (
        "write it anew: python -m mesosweep.cli.reference > docs/reference/cli.md"
    )


def test_the_reference_names_every_command_and_option() -> None:
    text = reference()

    for path, command in ALL.items():
        assert f"## mesosweep {' '.join(path)}\n" in text
        for option in command.params:
            if option.param_type_name == "option":
                assert option.opts[0] in text


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("run-all --species veloci", "velociraptor"),
        ("run-all --algorithm s", "sac"),
        ("run-all --backend l", "local"),
        ("run-all --backend v", "vertex"),
        ("run-all --sampler t", "tpe"),
        ("launch-all --species veloci", "velociraptor"),
    ],
)
def test_the_shell_completes_names(
    mesosweep: Mesosweep,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    typed: str,
    offered: str,
) -> None:
    monkeypatch.setenv("_MESOSWEEP_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"mesosweep {typed}")
    monkeypatch.setenv("COMP_CWORD", "3")

    with pytest.raises(SystemExit):
        mesosweep()

    assert capfd.readouterr().out.split() == [offered]
