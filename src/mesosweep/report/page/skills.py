"""`skills.json`: how later winners did on earlier stages, and what of each skill is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.domain.score import Score
from mesosweep.records.bundle import Bundle, read_manifest
from mesosweep.records.files import write_json
from mesosweep.records.layout import TrialFolder, manifest_of
from mesosweep.records.scores import score_from, score_to
from mesosweep.report.page.markup import Markup, joined, table, tag, whole
from mesosweep.report.page.sweep import Stage, Sweep
from mesosweep.report.results.loose import json_object, mapping
from mesosweep.report.words import NONE, number, scored

NAME = "skills.json"
"""Beside the stages."""
EXPLAINED = (
    "Each later winner, played on the episodes on which the stage's own winner was verified: what it "
    "has forgotten shows as the difference to the first row."
)


@dataclass(frozen=True, slots=True)
class Played:
    """A winner on another stage than its own."""

    identity: str
    """Of the bundle that was played."""
    on: int
    """The stage."""
    score: Score


def policy_of(stage: Stage) -> Path | None:
    """Return the policy that a stage's winner hands on; None where there is no winner."""
    if stage.winner is None or not stage.is_won:
        return None
    handed = stage.state.winner.checkpoint.kind if stage.state and stage.state.winner else "best"
    return TrialFolder(stage.winner.folder).bundle(handed, stage=stage.number)


def identity_of(policy: Path) -> str | None:
    """Return the identity of a bundle by its manifest; None where there is none."""
    try:
        told = read_manifest(manifest_of(policy), of=policy)
        parts = {name: str(part["sha256"]) for name, part in told["parts"].items()}
    except (CheckpointDamaged, KeyError, TypeError):
        return None
    return Bundle(policy, int(told["step"]), parts).identity


def read_played(root: Path) -> tuple[Played, ...]:
    """Return what was played; entries that cannot be read are passed over."""
    found = []
    entries = json_object(root / NAME).get("played")
    for entry in map(mapping, entries if isinstance(entries, list) else ()):
        try:
            score = score_from(entry["score"])
            if score is not None:
                found.append(Played(str(entry["identity"]), int(entry["on"]), score))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def write_played(root: Path, played: Iterable[Played]) -> None:
    """Replace what was played; raises StoreError."""
    told = [{"identity": p.identity, "on": p.on, "score": score_to(p.score)} for p in played]
    write_json(root / NAME, {"version": 1, "played": told})


def skills(sweep: Sweep) -> Markup:
    """Return one table per earlier stage that later winners were played on; how to, when none."""
    known = {(told.identity, told.on): told.score for told in read_played(sweep.root)}
    identities = {
        stage.number: identity
        for stage in sweep.stages
        if (policy := policy_of(stage)) is not None and (identity := identity_of(policy))
    }
    parts = []
    for stage in sweep.stages[:-1]:
        later = [
            (other, score)
            for other in sweep.stages
            if other.number > stage.number
            and (score := known.get((identities.get(other.number, ""), stage.number))) is not None
        ]
        if later and stage.verified is not None:
            parts.append(_left(stage, stage.verified.winner, later))
    if not parts:
        words = "How the later winners would do on the earlier stages was not tried: "
        return tag("p", words, tag("code", "mesosweep report DIR --skills"), class_="quiet")
    return joined((tag("p", EXPLAINED), *parts))


def _left(stage: Stage, own: Score, later: list[tuple[Stage, Score]]) -> Markup:
    rows = [_row(f"its own winner, verified ({own.episodes})", own, own)]
    rows += [_row(f"the winner of {other.title} ({s.episodes})", s, own) for other, s in later]
    head = ["on stage " + stage.title, "reward", "full length"]
    head += ["success"] if own.success_rate is not None else []
    head += ["forward velocity"] if "forward_velocity" in own.metrics else []
    return table((*head, "reward kept"), rows)


def _row(name: str, score: Score, own: Score) -> list[str]:
    cells = [name, whole(scored(score)), f"{score.full_length_rate:.0%}"]
    if own.success_rate is not None:
        cells.append(NONE if score.success_rate is None else f"{score.success_rate:.0%}")
    if "forward_velocity" in own.metrics:
        cells.append(number(score.metrics.get("forward_velocity")))
    # A share of a reward means something only where rewards are above zero.
    is_told = score is not own and own.mean_reward > 0 and score.is_finite
    return [*cells, f"{max(score.mean_reward, 0) / own.mean_reward:.0%}" if is_told else ""]
