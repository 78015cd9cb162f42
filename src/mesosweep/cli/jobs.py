"""`mesosweep jobs`: what runs on Vertex AI under our labels, and how to end it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesosweep.cli.agreeing import confirmed
from mesosweep.cli.options import AsJson
from mesosweep.cli.options_cloud import PLACE_OF_JOBS
from mesosweep.cli.taking import takes
from mesosweep.domain.errors import UsageError
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.backends.vertex.client import GoogleJobs
    from mesosweep.backends.vertex.settings import Service
    from mesosweep.cli.argv import Words

LIST = "mesosweep jobs list --project YOUR_PROJECT\n\nmesosweep jobs list --all --json"
CANCEL = (
    "mesosweep jobs cancel projects/P/locations/us-central1/hyperparameterTuningJobs/123\n\n"
    "mesosweep jobs cancel 123 --project YOUR_PROJECT"
)
REAP = "mesosweep jobs reap --project YOUR_PROJECT --bucket YOUR_BUCKET"
JOB_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/hyperparameterTuningJobs/(\d+)")

app = typer.Typer(
    help="List, cancel and reap jobs on Vertex AI that mesosweep submitted.", no_args_is_help=True
)


@app.command("list", epilog=LIST)
@takes(PLACE_OF_JOBS)
def list_jobs(
    flags: Flags,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the jobs with our labels, newest first: those that run, or all of them."""
    from mesosweep.backends.vertex.labels import EVERY
    from mesosweep.backends.vertex.parse import has_ended

    jobs = _jobs(_service(flags)).list(EVERY)
    jobs = sorted(jobs, key=lambda job: str(job.get("createTime", "")), reverse=True)
    shown = [job for job in jobs if everything or not has_ended(job)]
    _show(shown, as_json=as_json)
    if not shown and not as_json:
        from mesosweep.cli.faults import say

        say("No job of ours runs there." if not everything else "There is no job of ours.")
    return 0


@app.command("cancel", epilog=CANCEL)
@takes(PLACE_OF_JOBS)
def cancel_jobs(
    flags: Flags,
    ctx: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME ...", help="Resource names, or numbers of jobs.")
    ],
) -> int:
    """End jobs, and wait until they have ended. Finished trials are kept by their sweep."""
    for name in names:
        found = JOB_NAME.fullmatch(name)
        if found:
            service = _service(replace(flags, project=found[1], location=found[2]))
        elif name.isdigit():
            service = _service(flags)
            name = f"{service.parent}/hyperparameterTuningJobs/{name}"  # noqa: PLW2901  # made whole
        else:
            raise UsageError(
                f"'{name}' is no name of a job.",
                hint="It looks like projects/P/locations/L/hyperparameterTuningJobs/123; "
                "see: mesosweep jobs list",
            )
        _cancel(name, _jobs(service), ctx.obj)
    return 0


@app.command("reap", epilog=REAP)
@takes(("bucket", *PLACE_OF_JOBS))
def reap(
    flags: Flags,
    ctx: typer.Context,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Cancel them without asking; needed where nobody can.")
    ] = False,
) -> int:
    """Find running jobs that write into a bucket and that no ledger in it knows; cancel them.

    A job of a sweep whose folder was deleted, or that was sent by hand, is one.
    """
    from mesosweep.backends.vertex.labels import EVERY
    from mesosweep.backends.vertex.ledger import FOLDER, read_entry, unknown_jobs
    from mesosweep.backends.vertex.parse import has_ended
    from mesosweep.cli.clocks import WorldClock
    from mesosweep.cli.faults import say
    from mesosweep.settings.job import bucket_address
    from mesosweep.stores.gcs_objects import Objects

    said = flags.bucket or os.environ.get("MESOSWEEP_BUCKET")
    if not said:
        raise UsageError("No bucket was named, whose ledgers are asked.", hint="--bucket BUCKET")
    root = bucket_address(said)
    service = _service(flags)
    jobs = _jobs(service)
    running = [job for job in jobs.list(EVERY) if not has_ended(job) and _is_below(job, root)]
    objects = Objects(clock=WorldClock(), project=service.project)
    contents = (objects.read(uri) for uri in objects.names(f"{root}/") if f"/{FOLDER}/" in uri)
    entries = [entry for content in contents if content and (entry := read_entry(content))]
    stray = unknown_jobs(running, entries)
    if not stray:
        say(f"{len(running)} jobs run for {root}; the ledgers know them all.")
        return 0
    _show(stray, as_json=False)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                f"Nobody is here to agree to cancelling {len(stray)} jobs.", hint="Say --yes."
            )
        if not confirmed(f"Cancel {len(stray)} jobs that no ledger knows?"):
            raise UsageError("Nothing was cancelled.")
    for job in stray:
        _cancel(str(job["name"]), jobs, ctx.obj)
    return 0


def _is_below(job: Any, root: str) -> bool:
    output = job.get("trialJobSpec", {}).get("baseOutputDirectory", {}).get("outputUriPrefix", "")
    return f"{output}/".startswith(f"{root}/")


def _cancel(name: str, jobs: GoogleJobs, words: Words) -> None:
    from mesosweep.backends.vertex.cancelling import cancel
    from mesosweep.backends.vertex.parse import reason_of
    from mesosweep.cli.clocks import WorldClock
    from mesosweep.cli.faults import say
    from mesosweep.engine.retry import Retry

    hurry = words.rehearsal.hurry if words.rehearsal else 1.0
    say(f"Waiting until {name} has ended …")
    try:
        ended = cancel(name, jobs, clock=WorldClock(), retry=Retry().hurried(hurry), hurry=hurry)
    except KeyboardInterrupt:
        say(f"Nobody waited for the end of {name}: it may go on. The same command makes sure.")
        raise
    print(f"{name}: {reason_of(ended)}")


def _service(flags: Flags) -> Service:
    from mesosweep.backends.vertex.settings import DEFAULT_LOCATION, Service

    project = flags.project or os.environ.get("MESOSWEEP_PROJECT")
    if not project:
        raise UsageError("No project was named.", hint="--project YOUR_PROJECT")
    return Service(
        project,
        flags.location or os.environ.get("MESOSWEEP_LOCATION") or DEFAULT_LOCATION,
        flags.api_endpoint or os.environ.get("MESOSWEEP_VERTEX_ENDPOINT"),
    )


def _jobs(service: Service) -> GoogleJobs:
    from mesosweep.backends.vertex.client import GoogleJobs

    return GoogleJobs(service)


def _show(jobs: Sequence[Any], *, as_json: bool) -> None:
    from mesosweep.backends.vertex import labels
    from mesosweep.backends.vertex.labels import told

    rows = [
        {
            "name": job["name"],
            "state": str(job.get("state", "")).removeprefix("JOB_STATE_").lower(),
            "study": told(job, labels.STUDY),
            "stage": told(job, labels.STAGE),
            "attempt": labels.attempt_of(job),
            "trials": int(job.get("maxTrialCount", 0)),
            "created": job.get("createTime", ""),
        }
        for job in jobs
    ]
    if as_json:
        print(json.dumps({"version": 1, "jobs": rows}, indent=2))
        return
    for row in rows:
        print(f"{row['state']:<10} {row['study']}  {row['trials']} trials  {row['created']}")
        print(f"           {row['name']}")
