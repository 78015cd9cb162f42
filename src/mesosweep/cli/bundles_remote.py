"""A checkpoint in a bucket, brought here with what is told of it beside it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.domain.errors import MesosweepError, UsageError

if TYPE_CHECKING:
    from mesosweep.cli.remote import RemoteSweep
    from mesosweep.domain.state import SweepState

_PARTS = (".zip", ".manifest.json", ".vecnormalize.npz")


def policy_at(where: str, *, species: str | None, algorithm: str | None) -> Path:
    """Return the policy zip, brought here, that an address in a bucket means.

    It may be that of a part of a bundle, of a trial's folder or its models, or of the folder
    of a stage, of a sweep or above one: then of the winner, as `bundles` says it.

    Raises:
        UsageError: nothing of that kind lies there.
        StoreUnreachable, Refused: the bucket did not answer, or refused to.
    """
    from mesosweep.cli.clocks import WorldClock
    from mesosweep.records.layout import stage_and_attempt
    from mesosweep.stores.gcs_address import Address
    from mesosweep.stores.gcs_objects import Objects

    place = Address.parse(where)
    if (part := next((p for p in _PARTS if place.name.endswith(p)), None)) is not None:
        return brought_bundle(f"{place.uri.removesuffix(part)}.zip")
    objects = Objects(clock=WorldClock())
    for policy in (f"{place.uri}/models/best_model.zip", f"{place.uri}/best_model.zip"):
        if policy in objects.names(policy):
            return brought_bundle(policy)
    folder, _, name = place.uri.rpartition("/")
    if stage_and_attempt(folder.rpartition("/")[2]) is not None:
        raise UsageError(
            f"{place.uri}: this trial has no checkpoint (yet).",
            hint=f"See: mesosweep logs {place.uri}",
        )
    stage = stage_and_attempt(name)
    sweep = _sweep(place.uri if stage is None else folder, species=species, algorithm=algorithm)
    return brought_bundle(_winner(sweep, sweep.load(), None if stage is None else stage[0]))


def brought_bundle(policy: str) -> Path:
    """Return the policy zip of a bundle in a bucket here, its trial's record beside it.

    Raises:
        UsageError: there is none.
        StoreUnreachable, Refused: the bucket did not answer, or refused to.
    """
    from mesosweep.cli.faults import say
    from mesosweep.records.files import write_text
    from mesosweep.records.layout import TrialFolder
    from mesosweep.stores import reach

    if reach.mounted(policy) is None:
        say(f"Reading {policy} …")
    path = reach.bundle(policy)
    if not path.is_file():
        raise UsageError(f"{policy}: no such checkpoint.", hint="Name a policy's zip file.")
    if reach.mounted(policy) is not None:
        return path
    record = TrialFolder(path.parent.parent).stage_config
    told = reach.read(f"{policy.rpartition('/models/')[0]}/{record.name}")
    if told is not None:
        write_text(record, told.decode())
    _keep_state(policy, path)
    return path


def _keep_state(policy: str, path: Path) -> None:
    """Have what its sweep judges on beside a checkpoint, as far as it can be had."""
    from mesosweep.cli.clocks import WorldClock
    from mesosweep.cli.remote import RemoteSweep
    from mesosweep.records.files import write_text
    from mesosweep.stores.gcs_objects import Objects
    from mesosweep.stores.state_json import written

    # gs://…/<species>/<algorithm>/stage2/7/models/best_model.zip
    *above, species, algorithm, _, _, models, _ = ["", "", *policy.split("/")]
    if models != "models" or not above[-1]:
        return
    with suppress(MesosweepError):
        root = "/".join((*above[2:], species, algorithm))
        sweep = RemoteSweep(root, species, algorithm, None, Objects(clock=WorldClock()))
        write_text(path.parents[3] / f"{sweep.sweep_key}.json", written(sweep.load()))


def _sweep(where: str, *, species: str | None, algorithm: str | None) -> RemoteSweep:
    from mesosweep.cli.remote import one_remote

    return one_remote(where, species=species, algorithm=algorithm)


def _winner(sweep: RemoteSweep, state: SweepState, stage: int | None) -> str:
    """Return where the winner of a stage lies; of the last stage that has one, by default."""
    from mesosweep.cli.bundles import winner_of

    return winner_of(sweep.root, state, stage).checkpoint.uri
