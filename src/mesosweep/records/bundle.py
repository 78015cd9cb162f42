"""A checkpoint that is handed on: all of its parts, or none.

The manifest names every part with its hash and is put in place last. A version that
replaces another is first completed in a waiting folder beside it; if putting it in
place is cut short, readers find it there, and the next writer finishes the job.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.records.files import digest, place, sync, sync_folder, write_json, writing
from mesosweep.records.layout import manifest_of, pending_of

FORMAT = 1
_COPY_AGAIN = (
    "Copy the whole bundle again from where it was made, or start from another checkpoint."
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A whole, verified checkpoint."""

    policy: Path
    """The policy zip; the other parts lie beside it."""
    step: int
    """Environment steps after which it was saved."""
    parts: Mapping[str, str]
    """File name → SHA-256."""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """A short name of the content, e.g. to say in a child who its parent was."""
        return hashlib.sha256("".join(sorted(self.parts.values())).encode()).hexdigest()[:16]


def publish_bundle(
    policy: Path,
    save: Callable[[Path], None],
    *,
    step: int,
    meta: Mapping[str, Any] | None = None,
) -> Bundle:
    """Save a bundle and put it in place of the one that may be there.

    `save(path)` writes the policy zip at `path` and the other parts beside it.

    Raises:
        StoreError: the disk is full or read-only. What was published before still stands.
    """
    with writing(policy):
        policy.parent.mkdir(parents=True, exist_ok=True)
        finish_publishing(policy)
        _clear_unfinished(policy)
        aside = Path(tempfile.mkdtemp(prefix=f".{policy.stem}.", dir=policy.parent))
        try:
            save(aside / policy.name)
            seal(aside, manifest_of(policy).name, step=step, meta=meta or {})
            if manifest_of(policy).exists():
                # From here on the new version is the one that counts, come what may.
                aside.replace(pending_of(policy))
            else:
                # Nobody can be reading: without a manifest there is no bundle yet.
                _put_in_place(aside, policy)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        sync_folder(policy.parent)
        shutil.rmtree(aside, ignore_errors=True)
        finish_publishing(policy)
    return open_bundle(policy)


def finish_publishing(policy: Path) -> None:
    """Put a waiting version in place, if there is one. Only the bundle's one writer may do this."""
    pending = pending_of(policy)
    if not pending.is_dir():
        return
    _put_in_place(pending, policy)
    sync_folder(policy.parent)
    shutil.rmtree(pending, ignore_errors=True)


def _clear_unfinished(policy: Path) -> None:
    """Remove what a killed writer left half-written beside the bundle."""
    for left in policy.parent.glob(f".{policy.stem}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _put_in_place(sealed: Path, policy: Path) -> None:
    """Give the parts of a sealed folder their names beside `policy`, the manifest's last."""
    manifest = sealed / manifest_of(policy).name
    for part in sorted(sealed.iterdir()):
        if part != manifest:
            place(part, policy.with_name(part.name))
    place(manifest, manifest_of(policy))


def open_bundle(policy: Path) -> Bundle:
    """Verify every part of the bundle of a policy zip and return it.

    Raises:
        CheckpointDamaged: a part is missing, or is not the one that the manifest names.
    """
    pending = pending_of(policy) / policy.name
    if pending.exists():
        try:
            return verified(pending, manifest_of(pending))
        except CheckpointDamaged:
            pass  # it has just been put in place, or is being cleared away
    return verified(policy, manifest_of(policy))


def verified(policy: Path, manifest: Path) -> Bundle:
    """Compare the files beside a manifest with what it says of them."""
    told = read_manifest(manifest, of=policy)
    for name, wanted in told["parts"].items():
        part = manifest.with_name(name)
        try:
            found = digest(part)
        except FileNotFoundError:
            raise CheckpointDamaged(
                f"{part}: this part of the checkpoint is missing.", hint=_COPY_AGAIN
            ) from None
        except OSError as cause:
            raise CheckpointDamaged(
                f"{part}: cannot be read ({cause.strerror}).", hint=_COPY_AGAIN
            ) from cause
        if found != wanted["sha256"]:
            size = part.stat().st_size
            raise CheckpointDamaged(
                f"{part}: not the file that {manifest.name} names "
                f"({size} bytes, {wanted['bytes']} expected; SHA-256 differs).",
                hint=_COPY_AGAIN,
            )
    parts = {name: wanted["sha256"] for name, wanted in told["parts"].items()}
    if policy.name not in parts and policy.suffix == ".zip":
        raise CheckpointDamaged(
            f"{manifest}: does not name {policy.name}, so it belongs to another checkpoint.",
            hint=_COPY_AGAIN,
        )
    return Bundle(policy, int(told["step"]), parts, told["meta"])


def seal(folder: Path, manifest: str, *, step: int, meta: Mapping[str, Any]) -> None:
    """Write the manifest over all files of a folder, last."""
    parts = {}
    for part in sorted(folder.iterdir()):
        sync(part)
        parts[part.name] = {"sha256": digest(part), "bytes": part.stat().st_size}
    write_json(
        folder / manifest,
        {"format": FORMAT, "step": step, "meta": dict(meta), "parts": parts},
    )


def read_manifest(manifest: Path, *, of: Path) -> dict[str, Any]:
    """Read a manifest; raises CheckpointDamaged when there is none that can be believed."""
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing = manifest if of.exists() else of
        raise CheckpointDamaged(
            f"{missing}: no such file, so this is no whole checkpoint.", hint=_COPY_AGAIN
        ) from None
    except (OSError, ValueError) as cause:
        raise CheckpointDamaged(
            f"{manifest}: cannot be read ({cause}).", hint=_COPY_AGAIN
        ) from cause
    if not _is_manifest(told):
        raise CheckpointDamaged(f"{manifest}: is not a manifest.", hint=_COPY_AGAIN)
    if told["format"] > FORMAT:
        raise CheckpointDamaged(
            f"{manifest}: written by a later mesosweep (format {told['format']}, ours {FORMAT}).",
            hint="Upgrade mesosweep.",
        )
    found: dict[str, Any] = told
    return found


def _is_manifest(told: Any) -> bool:
    if not isinstance(told, dict) or not {"format", "step", "meta", "parts"} <= told.keys():
        return False
    numbers = isinstance(told["format"], int) and isinstance(told["step"], int)
    parts = told["parts"]
    return (
        numbers
        and isinstance(told["meta"], dict)
        and isinstance(parts, dict)
        and bool(parts)
        and all(isinstance(p, dict) and {"sha256", "bytes"} <= p.keys() for p in parts.values())
        # A part lies beside its manifest, nowhere else.
        and all(Path(name).name == name for name in parts)
    )
