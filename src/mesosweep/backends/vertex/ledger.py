"""What was asked for and what it cost: one entry per job, in the bucket before the job is sent.

An entry has an object of its own, `<root>/_ledger/stage<N>_a<k>.json`, as each job has a folder
of its own. Two who would ask for the same job do not overwrite each other's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from mesosweep.backends.prices import Quote
from mesosweep.backends.vertex import labels, parse
from mesosweep.backends.vertex.goes import go_of
from mesosweep.backends.vertex.parse import Message
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.backends.vertex.request import Go
from mesosweep.domain.study import Study
from mesosweep.stores.writer import this_process

FOLDER = "_ledger"
REFRESH_S = 300.0
"""How old what an entry says of a running job may become."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One job: what was asked for, at what price, and what it took so far."""

    study: str
    """Key of the study that it belongs to."""
    sweep: str
    """Key of the sweep's state, so that a `launch` pays for itself."""
    begun: int
    """Attempt of the study itself: sweeps that began anew have larger ones."""
    stage: int
    attempt: int
    """Of this job: names its folder."""
    trials: int
    machine: str
    strategy: str
    usd_per_hour: float | None
    """Of one machine with its accelerators; None where no price is known."""
    asked_at: str
    job: str | None = None
    """None while it is not known whether the service took it."""
    machine_s: float = 0.0
    seen_at: str | None = None
    is_over: bool = False

    @property
    def usd(self) -> float | None:
        """US dollars so far."""
        return None if self.usd_per_hour is None else self.machine_s / 3_600 * self.usd_per_hour


class Ledger:
    """The entries of one sweep folder. Raises what its bucket raises."""

    def __init__(self, root: str, bucket: Bucket, *, quote: Quote, machine: str) -> None:
        self._root = root
        self._bucket = bucket
        self._quote = quote
        self._machine = machine
        self._known: dict[str, Entry] = {}

    def seen(self, go: Go) -> tuple[bytes, str] | None:
        """Return the entry that lies there for a go, as it is written, and its version."""
        return self._bucket.seen(self._uri(_name(go)))

    def ask(
        self, study: Study, go: Go, *, sweep: str, now: datetime, over: tuple[bytes, str] | None
    ) -> None:
        """Note that a job is about to be asked for, in place of what was `seen`.

        A job that wrote into this folder before somebody emptied it was paid for all the same:
        its entry is kept under the job's own name.

        Raises:
            StoreConflict: somebody wrote an entry since.
        """
        entry = Entry(
            study=study.key,
            sweep=sweep,
            begun=study.attempt,
            stage=study.stage,
            attempt=go.attempt,
            trials=go.trials,
            machine=self._machine,
            strategy=self._quote.strategy,
            usd_per_hour=self._quote.usd_per_hour,
            asked_at=now.isoformat(),
        )
        name, version = _name(go), None
        if over is not None:
            content, version = over
            earlier = read_entry(content)
            if earlier is not None and earlier.job is not None:
                kept = f"{name}.{earlier.job.rpartition('/')[2]}"
                self._bucket.write(self._uri(kept), content)
        self._bucket.replace(
            self._uri(name),
            _written(entry),
            version=version,
            token=uuid.uuid4().hex,
            writer=this_process(),
        )
        self._known[name] = entry

    def look(self, job: Message, *, now: datetime) -> None:
        """Note what a job took so far; writes when it is news, or old."""
        go = go_of(job)
        entry = self._entry(go)
        if entry is None or entry.is_over:
            return
        seen = replace(
            entry,
            job=str(job["name"]),
            machine_s=round(parse.machine_s(job, now=now), 1),
            seen_at=now.isoformat(),
            is_over=parse.has_ended(job),
        )
        age_s = (now - datetime.fromisoformat(entry.seen_at or entry.asked_at)).total_seconds()
        if seen.is_over or entry.job is None or age_s >= REFRESH_S:
            self._write(go, seen)

    def _entry(self, go: Go) -> Entry | None:
        name = _name(go)
        if name not in self._known:
            content = self._bucket.read(self._uri(name))
            if content is None or (entry := read_entry(content)) is None:
                return None
            self._known[name] = entry
        return self._known[name]

    def _write(self, go: Go, entry: Entry) -> None:
        self._bucket.write(self._uri(_name(go)), _written(entry))
        self._known[_name(go)] = entry

    def _uri(self, name: str) -> str:
        return f"{self._root}/{FOLDER}/{name}.json"


def entries_of(root: str, bucket: Bucket) -> tuple[Entry, ...]:
    """Return all entries of a sweep folder, oldest first; what is no entry is passed over."""
    found = []
    for uri in sorted(bucket.names(f"{root}/{FOLDER}/")):
        content = bucket.read(uri)
        entry = None if content is None else read_entry(content)
        if entry is not None:
            found.append(entry)
    return tuple(sorted(found, key=lambda entry: entry.asked_at))


def spent_usd(entries: Sequence[Entry], *, sweep: str, since: int) -> float:
    """Return what a sweep took so far, as last seen; what has no price counts nothing.

    `since` is the attempt that the sweep began with.
    """
    mine = [e for e in entries if e.sweep == sweep and e.begun >= since]
    return sum(entry.usd or 0.0 for entry in mine)


def unknown_jobs(jobs: Collection[Message], entries: Collection[Entry]) -> tuple[Message, ...]:
    """Return the jobs with our labels that no entry knows, by name or by folder."""
    names = {entry.job for entry in entries if entry.job}
    places = {(entry.study, entry.attempt) for entry in entries}
    return tuple(
        job
        for job in jobs
        if str(job["name"]) not in names
        and (labels.told(job, labels.STUDY), labels.attempt_of(job))
        not in {(labels.label(study), attempt) for study, attempt in places}
    )


def read_entry(content: bytes) -> Entry | None:
    """Return the entry that an object holds; None when it is none."""
    with suppress(ValueError, TypeError, KeyError):
        told: dict[str, Any] = json.loads(content)
        return Entry(**{field.name: told[field.name] for field in fields(Entry)})
    return None


def _written(entry: Entry) -> bytes:
    return (json.dumps(asdict(entry), indent=2, allow_nan=False) + "\n").encode()


def _name(go: Go) -> str:
    return go.folder.rpartition("/")[2]
