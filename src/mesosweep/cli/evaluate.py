"""`mesosweep evaluate`: how good a checkpoint is, episode by episode."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.bundles import OF_BUNDLE, BundleName, JudgedOn, open_named, state_in
from mesosweep.cli.options import AsJson
from mesosweep.cli.taking import takes
from mesosweep.domain.errors import StoreError, UsageError
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.domain.seeds import Evidence
    from mesosweep.report.evaluation import Evaluated
    from mesosweep.worker.checkpoint import Opened

EXAMPLES = (
    "mesosweep evaluate stage3 --episodes 200\n\n"
    "mesosweep evaluate trials/local/models/best_model.zip --json --csv episodes.csv\n\n"
    "mesosweep evaluate stage3 --stage 1 --yardsticks\n\n"
    "The last one asks what the animal that strikes still knows of its first stage."
)
_PANEL = "Episodes"
_FRESH = 100


class Block(StrEnum):
    """Which episodes are played."""

    FRESH = "fresh"
    SELECT = "select"
    PANEL = "panel"
    TEST = "test"


_EVIDENCE: dict[Block, Evidence] = {
    Block.SELECT: "select",
    Block.PANEL: "panel",
    Block.TEST: "test",
}
_SETTINGS: dict[Evidence, str] = {
    "select": "eval_episodes",
    "panel": "panel_episodes",
    "test": "test_episodes",
}
"""How a sweep calls the number of episodes of each kind."""


@takes(OF_BUNDLE)
def evaluate(
    flags: Flags,
    *,
    bundle: BundleName = None,
    stage: JudgedOn = None,
    episodes: Annotated[
        int | None,
        typer.Option(
            "--episodes",
            min=1,
            rich_help_panel=_PANEL,
            help=f"How many are played (default: {_FRESH} fresh ones, or all of a block).",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            rich_help_panel=_PANEL,
            help="Seed of the first fresh episode (default 0); each later one is seeded one higher.",
        ),
    ] = None,
    block: Annotated[
        Block,
        typer.Option(
            "--block",
            rich_help_panel=_PANEL,
            help="Fresh episodes, or those that its own sweep used: to evaluate in training "
            "(select), to choose the winner (panel), to verify it (test).",
        ),
    ] = Block.FRESH,
    yardsticks: Annotated[
        bool,
        typer.Option(
            "--yardsticks",
            rich_help_panel=_PANEL,
            help="Play the same episodes with zero action and with random action, too.",
        ),
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write one row per episode to FILE."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Play a checkpoint on the reference env of its stage and tell every measure with its unit.

    With --stage N it is judged on another stage of its species: what of an earlier skill is left.
    """
    from mesosweep.cli.faults import say
    from mesosweep.cli.screen import output
    from mesosweep.plugins import Registry
    from mesosweep.records.files import write_text
    from mesosweep.report.evaluation import evaluation_csv, evaluation_document, evaluation_view
    from mesosweep.report.summary import show

    if block is not Block.FRESH and seed is not None:
        raise UsageError(
            f"--seed {seed}: the episodes of --block {block} have seeds of their own.",
            hint="Leave out one of the two.",
        )
    if csv == Path("-"):
        raise UsageError(
            "--csv -: the rows go into a file; what is printed is a summary of them.",
            hint="Name a file, --csv episodes.csv, or print all with --json.",
        )
    opened = open_named(bundle, flags, stage=stage, registry=Registry())
    if block is Block.FRESH:
        first, count = seed or 0, episodes or _FRESH
        seeds = range(first, first + count)
    else:
        seeds = _of_its_sweep(opened, block, episodes)
    found = _played(opened, seeds, block=block, yardsticks=yardsticks)
    for note in opened.notes:
        say(note)
    if csv is not None:
        write_text(csv, evaluation_csv(found))
        say(f"{csv}: {len(seeds)} rows, one per episode.")
    if as_json:
        print(json.dumps(evaluation_document(found), indent=2, allow_nan=False))
    else:
        show(output(), evaluation_view(found, next_command=_next(opened, found)))
    return 0


def _of_its_sweep(opened: Opened, block: Block, asked: int | None) -> range:
    """Return the seeds of a block that its sweep used on the stage: all, or as many as asked for.

    Raises:
        UsageError: the sweep used fewer, or nothing here says how many.
    """
    evidence = _EVIDENCE[block]
    known = {**_by_its_sweep(opened), **opened.judged_on}
    # Without its record nobody knows which seeds they are: told before how many.
    opened.evidence(evidence, 0)
    used = known.get(evidence)
    if used is None:
        raise UsageError(
            f"--block {block}: how many episodes its sweep used on stage {opened.stage.number} "
            "is not known here.",
            hint="Name the checkpoint in its sweep's folder, or play fresh episodes: --seed",
        )
    if asked is not None and asked > used:
        raise UsageError(
            f"--episodes {asked}: its sweep's {block} has {used} episodes.",
            hint="Leave it out to play all of them, or play fresh ones: leave out --block.",
        )
    return opened.evidence(evidence, asked or used)


def _by_its_sweep(opened: Opened) -> dict[Evidence, int]:
    """Return how many episodes of each block the sweep uses on the stage; empty for no sweep."""
    # <sweep>/stage2/7/models/best_model.zip
    place = opened.bundle.policy.absolute().parents
    try:
        state = state_in(place[3]) if len(place) > 3 else None
    except StoreError:  # a state that cannot be read takes nothing from the checkpoint
        state = None
    if state is None:
        return {}
    stage = state.comparables.get("stages", {}).get(str(opened.stage.number), {})
    settings = stage.get("settings", {})
    return {evidence: settings[name] for evidence, name in _SETTINGS.items() if name in settings}


def _played(opened: Opened, seeds: Sequence[int], *, block: Block, yardsticks: bool) -> Evaluated:
    from mesosweep.report.evaluation import Evaluated
    from mesosweep.worker import evaluating
    from mesosweep.worker.checkpoint import definitions, steps_per_second

    return Evaluated(
        species=opened.species.name,
        algorithm=opened.algorithm.name,
        stage=opened.stage.number,
        stage_name=opened.stage.name,
        checkpoint=str(opened.bundle.policy),
        step=opened.bundle.step,
        episodes=evaluating.play(opened, seeds),
        block=block.value,
        gate=opened.stage.gate,
        definitions=definitions(opened.species),
        task=opened.species.task,
        steps_per_s=steps_per_second(opened.species),
        against=evaluating.yardsticks(opened, seeds) if yardsticks else {},
    )


def _next(opened: Opened, found: Evaluated) -> str:
    """Return the command that shows the most instructive episode: the worst."""
    worst = min(found.episodes, key=lambda episode: episode.reward)
    words = ["mesosweep", "render", str(opened.bundle.policy), "--seed", str(worst.seed)]
    if found.stage != opened.bundle.meta.get("stage"):
        words += ["--stage", str(found.stage)]
    return f"{shlex.join(words)}   # its worst episode"
