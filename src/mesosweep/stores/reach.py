"""What a path names, wherever it lies: on this disk, in a bucket that is mounted, or in one to ask.

A training container sees every bucket of its project as a folder. Elsewhere the service is
asked, and what it gave is kept in the user's cache until it changes there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.domain.errors import StoreUnreachable
from mesosweep.ports import Clock
from mesosweep.stores.clock import WallClock
from mesosweep.stores.gcs_address import MOUNT, ROOT_VARIABLE, Address, is_remote, on_this_machine

if TYPE_CHECKING:
    from mesosweep.stores.gcs_mirror import Mirror


def mounted(where: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the path as a file of this machine; None where its bucket is not mounted here."""
    if not is_remote(where):
        return Path(where)
    mount = Path(environ.get(ROOT_VARIABLE) or MOUNT) / Address.parse(where).bucket
    return on_this_machine(where, environ) if mount.is_dir() else None


def read(where: str, *, clock: Clock | None = None) -> bytes | None:
    """Return the content of a file; None only when there surely is none.

    Raises:
        StoreUnreachable: it may be there, but cannot be read.
        Refused: the bucket will not give it.
        ExtraMissing: what asks a bucket is not installed.
    """
    place = mounted(where)
    if place is None:
        from mesosweep.stores.gcs_objects import Objects

        return Objects(clock=clock or WallClock()).read(where)
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise StoreUnreachable(f"{place}: cannot be read: {cause.strerror or cause}.") from cause


def bundle(policy: str, *, clock: Clock | None = None) -> Path:
    """Return the policy zip of a bundle here, its other parts beside it.

    That it is there and whole is for its reader to verify. Raises as `read` does.
    """
    place = mounted(policy)
    if place is not None:
        return place
    uri = Address.parse(policy).uri
    return _mirror(uri.rpartition("/")[0], clock).bring_bundle(uri)


def folder(where: str, *, clock: Clock | None = None) -> Path:
    """Return a folder here, with all that lies in it. Raises as `read` does."""
    place = mounted(where)
    if place is None:
        mirror = _mirror(where, clock)
        mirror.bring(wanted=lambda _: True)
        place = mirror.folder
    return place


def _mirror(where: str, clock: Clock | None) -> Mirror:
    from mesosweep.stores.gcs_bucket import Bucket
    from mesosweep.stores.gcs_mirror import Mirror

    root = Address.parse(where)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = home / "mesosweep" / "brought" / root.bucket / root.name
    return Mirror(Bucket(root.bucket, clock=clock or WallClock()), root=root, folder=place)
