"""A plan's files, carried to where trials find them and brought to where this machine does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.domain.trial import Checkpoint
    from mesosweep.stores.gcs_mirror import Mirror
    from mesosweep.stores.gcs_objects import Objects

_BROUGHT = ".brought"


class Carrier:
    """Between a sweep's root in a bucket and its folder here."""

    def __init__(self, objects: Objects, mirror: Mirror) -> None:
        self._objects = objects
        self._mirror = mirror

    def fetched(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return a checkpoint with all its parts on this machine; its reader verifies them."""
        from mesosweep.stores.gcs_address import Address, is_remote
        from mesosweep.stores.gcs_mirror import Mirror

        if not is_remote(checkpoint.uri):
            return checkpoint
        place = Address.parse(checkpoint.uri)
        mirror = self._mirror
        if place.below(mirror.root) is None:
            folder = Address(place.bucket, place.name.rpartition("/")[0])
            here = mirror.folder / _BROUGHT / folder.bucket / folder.name
            mirror = Mirror(self._objects.bucket(place.bucket), root=folder, folder=here)
        return replace(checkpoint, uri=str(mirror.bring_bundle(place.uri)))

    def sent(self, plan: SweepPlan) -> SweepPlan:
        """Return the plan with its own checkpoint and stage files in the bucket.

        They lie there by their content, so nothing is ever replaced by something else.
        """
        from mesosweep.stores.gcs_address import Address, is_remote

        if plan.load is not None:
            uri = plan.load.uri
            uri = Address.parse(uri).uri if is_remote(uri) else self._bundle(Path(uri))
            plan = replace(plan, load=replace(plan.load, uri=uri))
        if plan.stage_dir is not None:
            files = sorted(Path(plan.stage_dir).glob("*.toml"))
            plan = replace(plan, stage_dir=self._given(files, "_stages"))
        return plan

    def _bundle(self, policy: Path) -> str:
        parts = [p for p in policy.parent.iterdir() if p.name.startswith(f"{policy.stem}.")]
        # The manifest names the others, so it comes last.
        parts.sort(key=lambda part: (part.name.endswith("manifest.json"), part.name))
        return f"{self._given(parts, '_loaded')}/{policy.name}"

    def _given(self, files: list[Path], below: str) -> str:
        contents = {file.name: file.read_bytes() for file in files}
        told = hashlib.sha256()
        for name, content in sorted(contents.items()):
            told.update(name.encode() + hashlib.sha256(content).digest())
        folder = f"{self._mirror.root.uri}/{below}/{told.hexdigest()[:12]}"
        there = set(self._objects.names(f"{folder}/"))
        for name, content in contents.items():
            if f"{folder}/{name}" not in there:
                self._objects.write(f"{folder}/{name}", content)
        return folder
