"""A folder to read and to write into, which may lie in a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.domain.errors import UsageError

if TYPE_CHECKING:
    from mesosweep.stores.gcs_mirror import Mirror


@dataclass(frozen=True, slots=True)
class Brought:
    """A folder as the user calls it, and where it lies on this machine."""

    folder: Path
    shown: str
    mirror: Mirror | None = None
    """Set where the folder is a copy of one in a bucket."""

    def place(self, told: str) -> Path:
        """Return where a file that the user names lies on this machine.

        Raises:
            UsageError: it lies in a bucket, and not in the folder that is read.
        """
        from mesosweep.stores.gcs_address import Address, is_remote

        if not is_remote(told):
            return Path(told)
        if self.mirror is None or Address.parse(told).below(self.mirror.root) is None:
            raise UsageError(
                f"{told}: this file would not lie in {self.shown}.",
                hint="Name a file in that folder, or one on this machine.",
            )
        return self.mirror.place(told)

    def bring_bundle(self, policy: Path) -> Path:
        """Have all parts of a bundle of the folder on this machine; return its policy zip.

        Raises:
            StoreUnreachable, Refused: the bucket did not answer, or refused to.
        """
        if self.mirror is None or not policy.is_relative_to(self.folder):
            return policy
        return self.mirror.bring_bundle(self.mirror.uri(policy))

    def give(self, path: Path) -> str:
        """Carry a file of the folder to where the folder belongs; return what it is called there.

        Raises:
            StoreUnreachable: the bucket did not answer.
            Refused: it may not be written.
        """
        if self.mirror is None or not path.is_relative_to(self.folder):
            return str(path)
        self.mirror.give(path)
        return self.mirror.uri(path)


def brought(where: str, *, wanted: Callable[[str], bool]) -> Brought:
    """Return a folder, of which the `wanted` files were brought here if it lies in a bucket.

    `wanted` is asked for names as told from the folder. What did not change since the
    last time is not brought again.

    Raises:
        ExtraMissing: the folder lies in a bucket, and what speaks to buckets is not installed.
        StoreUnreachable, Refused: the bucket did not answer, or refused to.
    """
    from mesosweep.stores.gcs_address import Address, is_remote, on_this_machine

    if not is_remote(where) or (mounted := on_this_machine(where, os.environ)).is_dir():
        return Brought(Path(where) if not is_remote(where) else mounted, where)
    from mesosweep.cli.clocks import WorldClock
    from mesosweep.cli.faults import say
    from mesosweep.stores.gcs_bucket import Bucket
    from mesosweep.stores.gcs_mirror import Mirror

    root = Address.parse(where)
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(home) / "mesosweep" / "buckets" / root.bucket / root.name
    mirror = Mirror(Bucket(root.bucket, clock=WorldClock()), root=root, folder=folder)
    say(f"Reading {root.uri} …")
    mirror.bring(wanted=wanted)
    return Brought(folder, root.uri, mirror)
