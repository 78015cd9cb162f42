"""`mesosweep gc`: throws away what no one needs, and says first what that is."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.found import all_states, output_dir, sweeps
from mesosweep.cli.options import AlgorithmName, AsJson, OutputDir, Species
from mesosweep.domain.errors import StoreError, UsageError

if TYPE_CHECKING:
    from mesosweep.cli.waste import Waste

EXAMPLES = (
    "mesosweep gc --dry-run\n\nmesosweep gc --keep best --species velociraptor --algorithm ppo"
)


def gc(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    keep: Annotated[
        str,
        typer.Option(help="Bundles to keep: 'all' of ended trials, or the 'best' of each stage."),
    ] = "all",
    species: Species = None,
    algorithm: AlgorithmName = None,
    output: OutputDir = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; needed where nobody can answer.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Delete periodic checkpoints of ended trials, left-over files and, on request, losers' bundles.

    Winners, what a stage started from and the species' own trial always stay.
    """
    from mesosweep.cli.waste import waste

    if keep not in ("all", "best"):
        raise UsageError(f"--keep: unknown value '{keep}'.", hint="Known: all, best.")
    found: list[Waste] = []
    with ExitStack() as held:
        roots = dict.fromkeys(
            sweep.root for sweep in sweeps(output_dir(output), species=species, algorithm=algorithm)
        )
        for root in roots:
            if not dry_run:
                from mesosweep.stores.lock import acquire_lock

                # A running sweep needs its periodic checkpoints.
                held.enter_context(acquire_lock(root, now=datetime.now(UTC)))
            found += waste(root, all_states(root), keep="best" if keep == "best" else "all")
        if found and not dry_run:
            _ask(found, yes=yes)
            for item in found:
                _delete(item)
    _say(found, dry_run=dry_run, as_json=as_json)
    return 0


def _ask(found: list[Waste], *, yes: bool) -> None:
    """Return if the user agrees; raises UsageError when not, or when nobody can be asked."""
    from mesosweep.report.words import size

    if yes:
        return
    words = f"{len(found)} items, {size(sum(item.n_bytes for item in found))}"
    if not sys.stdin.isatty():
        raise UsageError(
            f"Nobody is here to agree to deleting {words}.",
            hint="See them with --dry-run; delete them with --yes.",
        )
    if not typer.confirm(f"Delete {words}?", err=True):
        raise UsageError("Nothing was deleted.")


def _delete(item: Waste) -> None:
    try:
        if item.path.is_dir():
            shutil.rmtree(item.path)
        else:
            item.path.unlink(missing_ok=True)
    except OSError as cause:
        raise StoreError(
            f"{item.path}: cannot be deleted: {cause.strerror or cause}.",
            hint="Mend the folder's permissions and run it again; the rest is untouched.",
        ) from cause


def _say(found: list[Waste], *, dry_run: bool, as_json: bool) -> None:
    from mesosweep.report.words import size

    total = sum(item.n_bytes for item in found)
    if as_json:
        items = [{"path": str(i.path), "why": i.why, "bytes": i.n_bytes} for i in found]
        document = {"version": 1, "deleted": not dry_run, "bytes": total, "items": items}
        print(json.dumps(document, indent=2))
        return
    for item in found:
        print(f"{size(item.n_bytes):>9}  {item.path}  ({item.why})")
    verb = "would go" if dry_run else "deleted"
    print(f"{size(total):>9}  {verb} in all")
