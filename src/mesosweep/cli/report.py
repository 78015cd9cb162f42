"""`mesosweep report`: a sweep as one page that can be opened, sent and kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = (
    "mesosweep report sweeps/velociraptor/ppo\n\n"
    "mesosweep report sweeps/velociraptor/ppo --skills --video strike.mp4\n\n"
    "mesosweep report gs://YOUR_BUCKET/sweeps/velociraptor/ppo --out report.html"
)
_HTML = "report.html"


def report(
    where: Annotated[
        str,
        typer.Argument(metavar="DIR", help="A sweep's folder, or one above several; also gs://…"),
    ],
    *,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="PATH", help=f"The HTML file (default: DIR/{_HTML})."),
    ] = None,
    video: Annotated[
        list[Path] | None,
        typer.Option(
            "--video",
            metavar="FILE",
            help="A video or picture (.mp4, .webm, .gif, .png) to carry along; may be repeated. "
            "Those in the sweep's folder and its winners' are found.",
        ),
    ] = None,
    skills: Annotated[
        bool,
        typer.Option(
            "--skills",
            help="First play each winner on the stages before its own, to see what of an earlier "
            "skill is left. Once is enough: it is kept.",
        ),
    ] = False,
) -> int:
    """Write one HTML file about a sweep: what was found, how far to believe it, what it took.

    It needs no network and nothing beside it.
    """
    from mesosweep.cli.brought import brought
    from mesosweep.cli.faults import say
    from mesosweep.records.files import write_text
    from mesosweep.report.page.document import page
    from mesosweep.report.page.skills import NAME as SKILLS
    from mesosweep.report.page.sweep import sweeps_below
    from mesosweep.report.page.videos import check_film

    found = brought(where, wanted=_wanted)
    films = tuple(video or ())
    for path in films:
        check_film(path)
    sweeps = sweeps_below(found.folder, shown=found.shown)
    for sweep in sweeps:
        if sweep.fault is not None:
            say(f"The page cannot tell who won. {sweep.fault}")
    if skills:
        from mesosweep.cli.skills import play_skills
        from mesosweep.plugins import Registry

        for sweep in sweeps:
            play_skills(sweep, registry=Registry(), bring=found.bring_bundle)
            if (kept := sweep.root / SKILLS).is_file():
                found.give(kept)
    path = found.place(out) if out else found.folder / _HTML
    write_text(path, page(sweeps, written_at=datetime.now(UTC), films=films))
    print(found.give(path))
    return 0


def _wanted(name: str) -> bool:
    from mesosweep.stores.gcs_mirror import is_record

    folder, _, file = name.rpartition("/")
    return (
        is_record(name)
        or file
        in (
            *("order.json", "commands.jsonl", "skills.json", "verification.json"),
            "best_model.manifest.json",
        )
        or file.endswith(("_final.manifest.json", ".mp4", ".gif"))
        or ("sweep_state" in file and file.endswith(".json"))
        or folder.rpartition("/")[2] == "_ledger"
    )
