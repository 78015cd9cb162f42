"""A part of a bucket on this disk: the files of trials, brought when they changed.

What reads a sweep's folder reads it here as well. A file that names others (a manifest, a
trial's record) is put in place after them, so that what can be read is whole.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from mesosweep.domain.errors import StoreError, StoreUnreachable
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_bucket import Bucket
from mesosweep.stores.gcs_entry import Entry
from mesosweep.stores.gcs_order import in_order, pending_name

RECORDS = frozenset(
    {"metrics.json", "progress.jsonl", "stage_config.json", "study.json", "verified.json"}
)
"""The small files that tell of a trial; its models are brought when they are asked for."""
_TRIES = 5
_KNOWN = ".mirror.json"


def is_record(name: str) -> bool:
    """Whether an object is one of the small files that tell of a trial."""
    return name.rpartition("/")[2] in RECORDS


class Mirror:
    """`root` in the bucket and `folder` here: what lies below one lies below the other."""

    def __init__(self, bucket: Bucket, *, root: Address, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self._bucket = bucket

    def place(self, uri: str) -> Path:
        """Return where an address of the sweep lies here; raises StoreError for another's."""
        below = Address.parse(uri).below(self.root)
        if below is None:
            raise StoreError(f"{uri} does not lie in {self.root.uri}.")
        return self.folder / below

    def uri(self, path: Path) -> str:
        """Return what a file here is called in the bucket."""
        return (self.root / path.relative_to(self.folder).as_posix()).uri

    def bring(
        self, below: str = "", *, wanted: Callable[[str], bool] = is_record
    ) -> tuple[Path, ...]:
        """Make the wanted files below a folder the same here; return those that changed.

        `wanted` is asked for the name as told from the root. All files are of one moment.

        Raises:
            StoreUnreachable: the bucket did not answer, or changed faster than it could be read.
            StoreError: the folder here cannot be written.
        """
        for _ in range(_TRIES):
            entries = {
                name: entry for entry in self._listed(below) if wanted(name := self._name(entry))
            }
            contents = self._fetched(entries)
            if contents is not None:
                return self._replaced(below, wanted, entries, contents)
        raise StoreUnreachable(
            f"{(self.root / below).uri}: changes faster than it can be read.",
            hint="Run the same command again.",
        )

    def bring_bundle(self, uri: str) -> Path:
        """Bring all parts of the bundle of a policy zip; return the zip's path here.

        That it is whole is for the reader to verify.
        """
        policy = Address.parse(uri)
        path = self.place(uri)
        below, _, name = self._below(policy).rpartition("/")
        stem = name.rpartition(".")[0]
        folder = f"{below}/" if below else ""
        parts = (f"{folder}{stem}.", f"{folder}{pending_name(stem)}/")
        self.bring(below, wanted=lambda found: found.startswith(parts))
        return path

    def give(self, path: Path) -> None:
        """Write a file of this folder to the bucket, whatever was there."""
        entry = self._bucket.put((self.root / self._below_folder(path)).name, path.read_bytes())
        known = self._known()
        self._remember({**known, self._name(entry): entry.generation})

    def _listed(self, below: str) -> tuple[Entry, ...]:
        folder = self.root / below if below else self.root
        return self._bucket.entries(f"{folder.name}/" if folder.name else "")

    def _fetched(self, entries: dict[str, Entry]) -> dict[str, bytes] | None:
        """Return the content of what changed; None when the bucket has moved on meanwhile."""
        known, contents = self._known(), {}
        for name, entry in entries.items():
            if known.get(name) == entry.generation and (self.folder / name).exists():
                continue
            content = self._bucket.download(entry)
            if content is None:
                return None
            contents[name] = content
        return contents

    def _replaced(
        self,
        below: str,
        wanted: Callable[[str], bool],
        entries: dict[str, Entry],
        contents: dict[str, bytes],
    ) -> tuple[Path, ...]:
        known = self._known()
        start = f"{below}/" if below else ""
        gone = [
            name
            for name in known
            if name.startswith(start) and wanted(name) and name not in entries
        ]
        if not contents and not gone:
            return ()
        try:
            for name in in_order(contents):
                _write(self.folder / name, contents[name])
            # What names others goes first here: without it, they are nothing.
            for name in reversed(in_order(gone)):
                (self.folder / name).unlink(missing_ok=True)
        except OSError as cause:
            raise StoreError(
                f"{self.folder}: cannot be written: {cause.strerror or cause}.",
                hint="Free some space, or choose a folder of your own with --output-dir.",
            ) from cause
        kept = {name: number for name, number in known.items() if name not in gone}
        fresh = {name: entries[name].generation for name in contents}
        self._remember({**kept, **fresh})
        return tuple(self.folder / name for name in in_order(contents))

    def _name(self, entry: Entry) -> str:
        return self._below(Address(self.root.bucket, entry.name))

    def _below(self, address: Address) -> str:
        below = address.below(self.root)
        assert below is not None
        return below

    def _below_folder(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _known(self) -> dict[str, int]:
        try:
            told = json.loads((self.folder / _KNOWN).read_text(encoding="utf-8"))
            return {str(name): int(number) for name, number in told[self.root.uri].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # then everything is brought again

    def _remember(self, known: dict[str, int]) -> None:
        _write(self.folder / _KNOWN, json.dumps({self.root.uri: known}).encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
