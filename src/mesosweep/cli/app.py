"""The commands of `mesosweep`, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.main import get_command

from mesosweep import __version__
from mesosweep.cli import argv as words_of
from mesosweep.cli import (
    bench,
    collect_results,
    doctor,
    evaluate,
    export,
    gc,
    jobs,
    launch,
    logs,
    plan,
    plugins,
    rehearse,
    render,
    report,
    run_all,
    stages,
    status,
    train,
    trial,
    verify,
)
from mesosweep.cli.faults import usage_error

if TYPE_CHECKING:
    from mesosweep.cli.rehearsing import Rehearsal

PROGRAM = "mesosweep"
SEARCH = "Search"
USE = "Use what was found"
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
app.command(
    "rehearse",
    rich_help_panel=SEARCH,
    epilog=rehearse.EXAMPLES,
    context_settings=rehearse.CONTEXT,
)(rehearse.rehearse)
app.command("trial", rich_help_panel=SEARCH, epilog=trial.EXAMPLES)(trial.trial)
app.command("verify", rich_help_panel=USE, epilog=verify.EXAMPLES)(verify.verify)
app.command("train", rich_help_panel=USE, epilog=train.EXAMPLES)(train.train)
app.command("evaluate", rich_help_panel=USE, epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command("render", rich_help_panel=USE, epilog=render.EXAMPLES)(render.render)
app.add_typer(export.app, name="export", rich_help_panel=USE)
app.command("plan", rich_help_panel=LOOK, epilog=plan.EXAMPLES)(plan.plan)
app.command("status", rich_help_panel=LOOK, epilog=status.EXAMPLES)(status.status)
app.command("collect-results", rich_help_panel=LOOK, epilog=collect_results.EXAMPLES)(
    collect_results.collect_results
)
app.command("report", rich_help_panel=LOOK, epilog=report.EXAMPLES)(report.report)
app.command("logs", rich_help_panel=LOOK, epilog=logs.EXAMPLES)(logs.logs)
app.add_typer(stages.app, name="stages", rich_help_panel=LOOK)
app.add_typer(jobs.app, name="jobs", rich_help_panel=LOOK)
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


def run(argv: Sequence[str], *, rehearsal: Rehearsal | None = None) -> int:
    """Run one command and return its exit code; raises whatever goes wrong.

    `rehearsal` is the cloud that it speaks to, where that is none of Google's.
    """
    argv = list(argv) or ["--help"]
    if argv[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    name = words_of.ALIASES.get(argv[0], argv[0])
    argv = [name, *argv[1:]]
    if argv in (["stages"], ["jobs"], ["export"]):
        argv.append("--help")
    prepared, injected = words_of.prepared(argv)
    before = rehearsal.again if rehearsal else ()
    return _invoked(prepared, words_of.Words((*before, *argv), injected, rehearsal))


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
