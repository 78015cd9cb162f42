"""From what a user calls a checkpoint to its policy zip: a file, a folder, or a sweep's winner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.found import FoundSweep
from mesosweep.domain.errors import UsageError, did_you_mean
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.domain.state import SweepState
    from mesosweep.domain.winner import Winner
    from mesosweep.plugins import Registry
    from mesosweep.worker.checkpoint import Opened

OF_BUNDLE = ("species", "algorithm", "stage_dir", "override", "output_dir", "trust")
"""Shared options of commands that open a checkpoint."""

BundleName = Annotated[
    str | None,
    typer.Argument(
        metavar="[BUNDLE]",
        help="A policy zip, a trial's folder, 'stage2' for that stage's winner, or 'stage2/7' "
        "for a trial of the sweep in --output-dir; also gs://… of any of these. Default: the "
        "winner of its last stage.",
    ),
]

JudgedOn = Annotated[
    int | None,
    typer.Option(
        "--stage",
        metavar="N",
        min=1,
        help="Play it on this stage as it is installed (default: the checkpoint's own).",
    ),
]


def open_named(
    bundle: str | None, flags: Flags, *, stage: int | None, registry: Registry
) -> Opened:
    """Return the checkpoint that a user means, opened as the options say; raises as these do."""
    from mesosweep.worker.checkpoint import Asked, open_checkpoint

    policy = bundle_named(
        bundle,
        output=flags.output_dir,
        species=flags.species,
        algorithm=flags.algorithm,
    )
    asked = Asked(
        species=flags.species,
        algorithm=flags.algorithm,
        stage=stage,
        stage_dir=Path(flags.stage_dir) if flags.stage_dir else None,
        overrides=flags.overrides,
        trust=bool(flags.trust),
    )
    return open_checkpoint(policy, asked, registry=registry)


def bundle_named(
    word: str | None,
    *,
    output: str | Path | None,
    species: str | None = None,
    algorithm: str | None = None,
) -> Path:
    """Return the policy zip that is meant; what lies in a bucket is brought first.

    `output` (as `--output-dir` says it), `species` and `algorithm` say which sweep a stage or
    trial is of.

    Raises:
        UsageError: nothing of that name is there; the message says what is.
        StoreUnreachable, Refused: a bucket did not answer, or refused to.
    """
    from mesosweep.cli.remote import RemoteSweep, sweep_at
    from mesosweep.stores import reach

    if word is not None:
        path = reach.mounted(word)
        if path is None:
            from mesosweep.cli.bundles_remote import policy_at

            return policy_at(word, species=species, algorithm=algorithm)
        if path.is_file():
            return _zip(path)
        if path.is_dir():
            return _in_folder(path)
        if path.suffix == ".zip" or path.is_absolute():
            raise UsageError(f"{path}: no such checkpoint.", hint="Name a policy's zip file.")
    said = None if output is None else str(output)
    sweep = sweep_at(said, species=species, algorithm=algorithm)
    if isinstance(sweep, RemoteSweep):
        from mesosweep.cli.bundles_remote import policy_at

        below = sweep.root if word is None else f"{sweep.root}/{word.strip('/')}"
        return policy_at(below, species=species, algorithm=algorithm)
    return _winner(sweep.root, sweep.load()) if word is None else _of_sweep(sweep, word.strip("/"))


def _zip(path: Path) -> Path:
    if path.suffix == ".zip":
        return path
    policy = path.with_name(f"{path.name.partition('.')[0]}.zip")
    if policy.is_file():
        return policy
    raise UsageError(f"{path}: is no policy zip.", hint="Name the zip file of a checkpoint.")


def _in_folder(folder: Path) -> Path:
    """Return the best bundle of a trial or of its models, or the winner of a stage or sweep."""
    from mesosweep.records.layout import TrialFolder, stage_and_attempt

    for policy in (TrialFolder(folder).best, folder / TrialFolder(folder).best.name):
        if policy.is_file():
            return policy
    place = stage_and_attempt(folder.name)
    root = folder if place is None else folder.parent
    if (state := state_in(root)) is not None:
        return _winner(root, state, None if place is None else place[0])
    lone = [p for p in sorted(folder.glob("*.zip")) if not p.name.startswith(".")]
    if len(lone) == 1:
        return lone[0]
    listed = f" There are: {', '.join(p.name for p in lone)}." if lone else ""
    raise UsageError(
        f"{folder}: holds no checkpoint that can be told.{listed}",
        hint="Name a policy's zip file, a trial's folder, or a sweep's.",
    )


def state_in(root: Path) -> SweepState | None:
    """Return the state that is saved in a sweep's own folder; None where there is none."""
    from mesosweep.stores.file import FileStore

    keys = [p.stem for p in sorted(root.glob("sweep_state_*.json")) if "." not in p.stem]
    # A `launch` keeps its state beside that of the whole sweep.
    keys.sort(key=lambda key: "_stage" in key)
    loaded = FileStore(root).load(keys[0]) if keys else None
    return loaded[0] if loaded else None


def winner_of(root: object, state: SweepState, stage: int | None = None) -> Winner:
    """Return a stage's winner; that of the last stage that has one, by default.

    Raises:
        UsageError: there is none; `root` is how the sweep is called then.
    """
    won = {s.stage: s.winner for s in state.stages if s.winner is not None}
    if not won:
        raise UsageError(f"{root}: no stage has a winner yet.", hint="See: mesosweep status")
    winner = won.get(max(won) if stage is None else stage)
    if winner is None:
        raise UsageError(
            f"{root}: stage {stage} has no winner yet.",
            hint=f"Stages with a winner: {', '.join(map(str, won))}.",
        )
    return winner


def _winner(root: Path, state: SweepState, stage: int | None = None) -> Path:
    return policy_here(winner_of(root, state, stage).checkpoint.uri, root=root)


def policy_here(uri: str, *, root: Path) -> Path:
    """Return a checkpoint of the sweep in a folder here, whose trials may have run elsewhere.

    Raises as `bundle_named` does.
    """
    from mesosweep.cli.remote import root_noted
    from mesosweep.stores.gcs_address import is_remote

    if not is_remote(uri):
        return Path(uri)
    kept = root / uri.removeprefix(f"{root_noted(root)}/")
    if kept.is_file():  # it was brought to be judged
        return kept
    from mesosweep.cli.bundles_remote import brought_bundle

    return brought_bundle(uri)


def _of_sweep(sweep: FoundSweep, word: str) -> Path:
    from mesosweep.cli.found import trial_folders
    from mesosweep.cli.remote import root_noted
    from mesosweep.records.layout import TrialFolder, stage_and_attempt

    if (place := stage_and_attempt(word)) is not None:
        return _winner(sweep.root, sweep.load(), place[0])
    names = {f"{folder.parent.name}/{folder.name}": folder for folder in trial_folders(sweep.root)}
    folder = names.get(word)
    if folder is None:
        stages = [f"stage{s.stage}" for s in sweep.load().stages if s.winner is not None]
        listed = ", ".join([*stages, *names]) or "nothing"
        raise UsageError(
            f"No checkpoint '{word}' here or in {sweep.root}.",
            hint=f"{did_you_mean(word, [*stages, *names])}There are: {listed}.",
        )
    policy = TrialFolder(folder).best
    if not policy.is_file() and (root := root_noted(sweep.root)) is not None:
        return policy_here(f"{root}/{word}/models/{policy.name}", root=sweep.root)
    if not policy.is_file():
        raise UsageError(
            f"{folder}: this trial has no checkpoint (yet).",
            hint=f"See: mesosweep logs {word}",
        )
    return policy
