"""In which order files are written so that a reader never finds half of anything."""

from __future__ import annotations

from collections.abc import Iterable

_MANIFEST = "manifest.json"
_RECORD = "metrics.json"


def in_order(names: Iterable[str]) -> list[str]:
    """Return names in the order of writing.

    Parts, then what names them: bundles, periodic checkpoints, and a trial's record last.
    """
    return sorted(names, key=lambda name: (_rank(name), name))


def is_manifest(name: str) -> bool:
    """Whether a file names the parts of a checkpoint beside it."""
    return name == _MANIFEST or name.endswith((f".{_MANIFEST}", f"/{_MANIFEST}"))


def pending_name(stem: str) -> str:
    """Return the folder in which the next version of a bundle waits, whole; see records.layout."""
    return f".{stem}.next"


def is_pending(folder: str) -> bool:
    """Whether a folder is one in which the next version of a bundle waits."""
    name = folder.rpartition("/")[2]
    return name.startswith(".") and name.endswith(".next")


def _rank(name: str) -> int:
    last = name.rpartition("/")[2]
    if last == _RECORD:
        return 3
    # A periodic checkpoint speaks of the best bundle, so it comes after it.
    return 0 if not is_manifest(name) else 2 if last == _MANIFEST else 1
