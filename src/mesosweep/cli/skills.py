"""Plays each winner of a sweep on the stages before its own, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.cli.faults import say

if TYPE_CHECKING:
    from mesosweep.domain.score import Score
    from mesosweep.plugins import Registry
    from mesosweep.report.page.skills import Played
    from mesosweep.report.page.sweep import Stage, Sweep


def play_skills(
    sweep: Sweep, *, registry: Registry, bring: Callable[[Path], Path] = lambda policy: policy
) -> None:
    """Leave `skills.json` in a sweep's folder; what was played already is not played again.

    `bring` has all parts of a winner's bundle here before it is played.

    Raises:
        CheckpointDamaged: a winner's bundle is not whole.
        PluginError: the species or the algorithm is not installed.
    """
    from mesosweep.report.page.skills import read_played, write_played

    known = {(told.identity, told.on): told for told in read_played(sweep.root)}
    for told in _missing(sweep, known, registry=registry, bring=bring):
        known[told.identity, told.on] = told
        write_played(sweep.root, known.values())


def _missing(
    sweep: Sweep,
    known: dict[tuple[str, int], Played],
    *,
    registry: Registry,
    bring: Callable[[Path], Path],
) -> Iterator[Played]:
    from mesosweep.report.page.skills import Played, identity_of, policy_of

    for winner in sweep.stages:
        policy = policy_of(winner)
        identity = identity_of(policy) if policy else None
        if policy is None or identity is None:
            continue
        for stage in sweep.stages:
            if stage.number >= winner.number or stage.verified is None:
                continue
            if (identity, stage.number) not in known:
                say(f"Playing the winner of {winner.title} on {stage.title} …")
                score = _score(bring(policy), stage, registry=registry)
                yield Played(identity, stage.number, score)


def _score(policy: Path, stage: Stage, *, registry: Registry) -> Score:
    """Play the very episodes on which the stage's own winner was verified."""
    from mesosweep.domain.score import Score
    from mesosweep.worker.checkpoint import Asked, open_checkpoint
    from mesosweep.worker.evaluating import play

    assert stage.verified is not None
    opened = open_checkpoint(policy, Asked(stage=stage.number), registry=registry)
    for note in opened.notes:
        say(note)
    return Score.of(play(opened, opened.evidence("test", stage.verified.winner.episodes)))
