"""`mesosweep collect-results`: every trial below a folder in one table, with plots on request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli import complete

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesosweep.report.results.rows import Row

EXAMPLES = (
    "mesosweep collect-results sweeps/velociraptor/ppo\n\n"
    "mesosweep collect-results gs://YOUR_BUCKET/sweeps/velociraptor --stages 1 2 --plot"
)
_CSV = "collected_results.csv"


def collect_results(
    where: Annotated[
        str,
        typer.Argument(
            metavar="DIR", help="A sweep's folder, a species' or a bucket's: gs://BUCKET/sweeps/…"
        ),
    ],
    *,
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="PATH", help=f"The CSV file (default: DIR/{_CSV})."),
    ] = None,
    species: Annotated[
        str | None,
        typer.Option(
            "--species",
            metavar="NAME",
            autocompletion=complete.species,
            help="What to call trials that do not say their species (default: by their folder).",
        ),
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            autocompletion=complete.algorithms,
            help="The same for their algorithm (default: by their folder, else 'unknown').",
        ),
    ] = None,
    stages: Annotated[
        list[int] | None,
        typer.Option(
            "--stages",
            metavar="N ...",
            min=1,
            help="Collect these stages alone (default: all). Takes several.",
        ),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw two PNG pictures beside the CSV file.")
    ] = False,
) -> int:
    """Gather all trials of a folder into one CSV file: parameters, scores, thresholds, verdicts.

    Damaged and unfinished trials are listed with their reason. A species' folder gives every
    algorithm below it.
    """
    from mesosweep.cli.brought import brought
    from mesosweep.cli.faults import say
    from mesosweep.cli.screen import output
    from mesosweep.domain.errors import UsageError
    from mesosweep.report.results.collecting import collect, stages_without_trials
    from mesosweep.report.results.reading import Named
    from mesosweep.report.results.screen import collected_view
    from mesosweep.report.results.sheet import write_csv
    from mesosweep.report.summary import show

    if csv == "-":
        raise UsageError(
            "--csv -: the table is a file; what is printed is a summary of it.",
            hint="Name a file: --csv all.csv",
        )
    found = brought(where, wanted=_wanted)
    rows = collect(
        found.folder, named=Named(species, algorithm), stages=stages or (), shown=found.shown
    )
    if missing := stages_without_trials(rows, stages or ()):
        there, names = sorted({row.stage for row in rows}), ("stage", "stages")
        say(
            f"{found.shown}: there is no trial of {names[len(missing) > 1]} "
            f"{', '.join(map(str, missing))}. Collected: {names[len(there) > 1]} "
            f"{', '.join(map(str, there))}."
        )
    path = found.place(csv) if csv else found.folder / _CSV
    write_csv(path, rows)
    written = [path, *(_plots(path.parent, rows) if plot else ())]
    console = output()
    show(console, collected_view(rows, width=console.width))
    for told in written:
        print(found.give(told))
    return 0


def _wanted(name: str) -> bool:
    from mesosweep.stores.gcs_mirror import is_record

    file = name.rpartition("/")[2]
    return (
        is_record(name)
        or file == "order.json"
        or ("sweep_state" in file and file.endswith(".json"))
    )


def _plots(folder: Path, rows: Sequence[Row]) -> tuple[Path, ...]:
    from mesosweep.report.results.plots import write_plots

    return write_plots(folder, rows)
