"""The commands of `mesosweep`, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.main import get_command

from mesosweep import __version__
from mesosweep.cli import argv as words_of
from mesosweep.cli import (
    bench,
    doctor,
    gc,
    launch,
    logs,
    plan,
    plugins,
    run_all,
    stages,
    status,
    trial,
)
from mesosweep.cli.faults import usage_error

PROGRAM = "mesosweep"
SEARCH = "Search"
LOOK = "Look"
KEEP = "Keep house"

app = typer.Typer(
    name=PROGRAM,
    help=(
        "Find, prove and use the hyperparameters that teach simulated animals to move.\n\n"
        "[dim]One command sweeps every stage of the curriculum:[/dim]\n\n"
        "mesosweep run-all --species velociraptor --algorithm ppo --trials 12\n\n"
        "Kill it at any moment; the same command goes on."
    ),
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
)

app.command("run-all", rich_help_panel=SEARCH, epilog=run_all.EXAMPLES)(run_all.run_all)
for alias in words_of.ALIASES:
    # For the shell's completion; a run never gets here under this name.
    app.command(alias, hidden=True)(run_all.run_all)
app.command("launch", rich_help_panel=SEARCH, epilog=launch.EXAMPLES)(launch.launch)
app.command("trial", rich_help_panel=SEARCH, epilog=trial.EXAMPLES)(trial.trial)
app.command("plan", rich_help_panel=LOOK, epilog=plan.EXAMPLES)(plan.plan)
app.command("status", rich_help_panel=LOOK, epilog=status.EXAMPLES)(status.status)
app.command("logs", rich_help_panel=LOOK, epilog=logs.EXAMPLES)(logs.logs)
app.add_typer(stages.app, name="stages", rich_help_panel=LOOK)
app.command("plugins", rich_help_panel=LOOK, epilog=plugins.EXAMPLES)(plugins.plugins)
app.command("doctor", rich_help_panel=KEEP, epilog=doctor.EXAMPLES)(doctor.doctor)
app.command("bench", rich_help_panel=KEEP, epilog=bench.EXAMPLES)(bench.bench)
app.command("gc", rich_help_panel=KEEP, epilog=gc.EXAMPLES)(gc.gc)


@app.callback()
def _program(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    # The work is done by `run`; this is here for `--help` to list the option.
    del version


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; raises whatever goes wrong."""
    argv = list(argv) or ["--help"]
    if argv[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    name = words_of.ALIASES.get(argv[0], argv[0])
    argv = [name, *argv[1:]]
    if argv == ["stages"]:
        argv.append("--help")
    prepared, injected = words_of.prepared(argv)
    return _invoked(prepared, words_of.Words(tuple(argv), injected))


def _invoked(argv: list[str], words: words_of.Words) -> int:
    from typer._click.exceptions import ClickException  # Typer carries its own copy of click

    command: Any = get_command(app)  # its type is private to Typer
    try:
        code = command.main(argv, prog_name=PROGRAM, standalone_mode=False, obj=words)
    except ClickException as error:
        context = getattr(error, "ctx", None)
        options = [o for p in context.command.params for o in p.opts] if context else []
        named = f"{PROGRAM} {argv[0]}" if argv[0] in command.commands else PROGRAM
        path = context.command_path if context else named
        raise usage_error(error, argv, options=options, command=path) from error
    return int(code or 0)
