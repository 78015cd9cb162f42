"""The log of a trial that ran elsewhere: from the bucket, and a word on where the rest of it lies."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mesosweep.cli.clocks import WorldClock
from mesosweep.cli.faults import say
from mesosweep.cli.found import in_order, trial_folders
from mesosweep.cli.logs import meant, show
from mesosweep.domain.errors import ExtraMissing, Refused, StoreUnreachable, UsageError

if TYPE_CHECKING:
    from mesosweep.cli.rehearsing import Rehearsal
    from mesosweep.stores.gcs_objects import Objects

_LOG = "worker.log"
_LINE = 512
"""Bytes that a long line has; so many for each that is asked for are read."""


def show_of(
    root: str,
    trial: str,
    stage: int | None,
    *,
    here: Path | None = None,
    lines: int,
    rehearsal: Rehearsal | None,
) -> int:
    """Print the end of the log of a trial of the sweep at `root`; `here` is its copy, if any.

    Raises:
        UsageError: there is no such trial, or no log of it.
        StoreUnreachable, Refused, ExtraMissing: the bucket did not answer, or cannot be asked,
            and no copy is here.
    """
    try:
        objects = _objects()
        name = meant(trial, stage, trials=_trials(root, objects.names(f"{root}/stage")), where=root)
        return _shown(f"{root}/{name}", objects, lines=lines, rehearsal=rehearsal)
    except (StoreUnreachable, Refused, ExtraMissing) as cause:
        if here is None:
            raise
        known = meant(trial, stage, trials=trial_folders(here), where=here)
        say(f"{cause}\nThis is the copy in {here}, as this machine saw it last.")
        return show(here / known / _LOG, lines)


def show_at(where: str, *, lines: int, rehearsal: Rehearsal | None) -> int:
    """Print the end of the log in a trial's folder in a bucket. Raises as `show_of` does."""
    from mesosweep.stores.gcs_address import Address

    folder = Address.parse(where).uri.removesuffix(f"/{_LOG}")
    return _shown(folder, _objects(), lines=lines, rehearsal=rehearsal)


def _objects() -> Objects:
    from mesosweep.stores.gcs_objects import Objects

    return Objects(clock=WorldClock())


def _trials(root: str, names: Iterable[str]) -> list[Path]:
    """Return the trials that wrote anything, by stage, attempt and id."""
    from mesosweep.records.layout import stage_and_attempt

    parts = [name.removeprefix(f"{root}/").split("/") for name in names]
    found = {
        Path(stage, trial)
        for stage, trial, *below in (p for p in parts if len(p) > 2)
        if below and stage_and_attempt(stage) is not None
    }
    return in_order(found)


def _shown(folder: str, objects: Objects, *, lines: int, rehearsal: Rehearsal | None) -> int:
    place = f"{folder}/{_LOG}"
    content = objects.read(place, tail=max(lines * _LINE, 1 << 16))
    rest = _rest(folder, objects, rehearsal)
    if content is None:
        raise UsageError(f"{place}: there is no log (yet).", hint=rest)
    say(place)
    told = content.decode(errors="replace").splitlines(keepends=True)
    sys.stdout.writelines(told[-lines:])
    sys.stdout.flush()
    if rest is not None:
        say(rest)
    return 0


def _rest(folder: str, objects: Objects, rehearsal: Rehearsal | None) -> str | None:
    """Say where all lies that the trial's container said; None where nobody knows."""
    from mesosweep.backends.vertex.ledger import FOLDER, read_entry

    if rehearsal is not None:
        return f"All that processes of trials said: {rehearsal.folder / 'jobs'}/*/{_LOG}"
    root, _, stage = folder.rpartition("/")[0].rpartition("/")
    content = objects.read(f"{root}/{FOLDER}/{stage}.json")
    entry = None if content is None else read_entry(content)
    if entry is None or entry.job is None:
        return None
    return f"All that its job's containers said: {logging_link(entry.job)}"


def logging_link(job: str) -> str:
    """Return the page of Cloud Logging that shows what a job's containers said."""
    _, project, *_, number = job.split("/")
    query = f'resource.type="ml_job"\nresource.labels.job_id="{number}"'
    return (
        "https://console.cloud.google.com/logs/query;query="
        f"{quote(query, safe='')}?project={project}"
    )
