"""`mesosweep evaluate`: how good a checkpoint is, episode by episode."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.bundles import OF_BUNDLE, BundleName, JudgedOn, open_named
from mesosweep.cli.options import AsJson
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.report.evaluation import Evaluated
    from mesosweep.worker.checkpoint import Opened

EXAMPLES = (
    "mesosweep evaluate stage3 --episodes 200\n\n"
    "mesosweep evaluate trials/local/models/best_model.zip --json --csv episodes.csv\n\n"
    "mesosweep evaluate stage3 --stage 1 --yardsticks\n\n"
    "The last one asks what the animal that strikes still knows of its first stage."
)
_PANEL = "Episodes"


class Block(StrEnum):
    """Which episodes are played."""

    FRESH = "fresh"
    SELECT = "select"
    PANEL = "panel"
    TEST = "test"

    def seeds(self, opened: Opened, *, first: int, count: int) -> list[int]:
        """Return the seeds of the episodes; raises as `Opened.evidence` does."""
        match self:
            case Block.FRESH:
                return list(range(first, first + count))
            case Block.SELECT:
                return list(opened.evidence("select", count))
            case Block.PANEL:
                return list(opened.evidence("panel", count))
            case Block.TEST:
                return list(opened.evidence("test", count))


@takes(OF_BUNDLE)
def evaluate(
    flags: Flags,
    *,
    bundle: BundleName = None,
    stage: JudgedOn = None,
    episodes: Annotated[
        int, typer.Option("--episodes", min=1, rich_help_panel=_PANEL, help="How many are played.")
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            rich_help_panel=_PANEL,
            help="Seed of the first episode; each later one is seeded one higher.",
        ),
    ] = 0,
    block: Annotated[
        Block,
        typer.Option(
            "--block",
            rich_help_panel=_PANEL,
            help="Fresh episodes, or the first of those that its own sweep used: to evaluate in "
            "training (select), to choose the winner (panel), to verify it (test).",
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

    opened = open_named(bundle, flags, stage=stage, registry=Registry())
    seeds = block.seeds(opened, first=seed, count=episodes)
    found = _played(opened, seeds, block=block, yardsticks=yardsticks)
    for note in opened.notes:
        say(note)
    if csv is not None:
        write_text(csv, evaluation_csv(found))
        say(f"{csv}: {episodes} rows, one per episode.")
    if as_json:
        print(json.dumps(evaluation_document(found), indent=2, allow_nan=False))
    else:
        show(output(), evaluation_view(found, next_command=_next(opened, found)))
    return 0


def _played(opened: Opened, seeds: list[int], *, block: Block, yardsticks: bool) -> Evaluated:
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
