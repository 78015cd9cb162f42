"""What it takes to do it again: versions, seeds, fingerprint, and the exact commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.domain.seeds import Evidence, evidence_seeds
from mesosweep.records.bundle import read_manifest
from mesosweep.records.layout import TrialFolder, manifest_of
from mesosweep.report.page.markup import Markup, joined, table, tag
from mesosweep.report.page.sweep import Stage, Sweep
from mesosweep.report.results.loose import json_object, mapping, text
from mesosweep.report.results.rows import Row
from mesosweep.report.words import NONE, value

_BLOCKS: tuple[tuple[Evidence, str], ...] = (
    ("select", "eval_episodes"),
    ("panel", "panel_episodes"),
    ("test", "test_episodes"),
)


def again(sweep: Sweep) -> Markup:
    """Return everything that a second run of the sweep needs."""
    return joined(
        (
            _commands(sweep),
            tag("h3", "What it was"),
            table(("", ""), _facts(sweep)),
            tag("h3", "Seeds of episodes"),
            tag(
                "p",
                "Training uses seeds below 1,000,000,000; these blocks lie above and do not meet.",
                class_="quiet",
            ),
            table(("stage", "sweep seed", "training", "panel", "test"), map(_seeds, sweep.stages)),
            tag("h3", "Winners"),
            table(
                ("stage", "trial", "training seed", "checkpoint", "SHA-256 of the policy"),
                (_winner(stage, sweep.root) for stage in sweep.stages),
            ),
            *(_settings(stage) for stage in sweep.stages),
        )
    )


def _commands(sweep: Sweep) -> Markup:
    if sweep.commands:
        told = "\n".join(
            f"# {text(c.get('at')) or 'some time'}, in {text(c.get('cwd')) or 'some folder'}\n"
            f"{shlex.join(map(str, c['argv']))}"
            for c in sweep.commands
        )
        return joined((tag("h3", "The exact commands"), tag("pre", told)))
    orders = [
        (stage, words)
        for stage in sweep.stages
        if stage.winner is not None
        and isinstance(
            words := json_object(stage.winner.folder / "order.json").get("command"), list
        )
    ]
    if not orders:
        return tag("p", "The command that ran it was not kept.", class_="quiet")
    lines = [f"# stage {stage.title}\n{shlex.join(map(str, words))}" for stage, words in orders]
    return joined(
        (
            tag("h3", "The commands of the winning trials"),
            tag(
                "p",
                "The sweep's own command was not kept; each of these trains one winner again.",
                class_="quiet",
            ),
            tag("pre", "\n".join(lines)),
        )
    )


def _facts(sweep: Sweep) -> Iterable[tuple[object, object]]:
    state = sweep.state
    yield "species", sweep.species
    yield "algorithm", sweep.algorithm
    if state is not None:
        told = state.comparables
        yield "plan fingerprint", tag("code", state.fingerprint)
        yield "species version", text(told.get("species_version")) or NONE
        yield "digest of the species' files", tag("code", text(told.get("species_code")) or NONE)
    versions = _versions(sweep)
    yield from ((name, ", ".join(found)) for name, found in sorted(versions.items()))


def _versions(sweep: Sweep) -> Mapping[str, list[str]]:
    """Return every version that a winner was trained with; more than one is worth knowing."""
    found: dict[str, list[str]] = {}
    for stage in sweep.stages:
        config = _config(stage.winner)
        for name, version in mapping(config.get("versions")).items():
            known = found.setdefault(str(name), [])
            if str(version) not in known:
                known.append(str(version))
    return found


def _seeds(stage: Stage) -> tuple[str, ...]:
    seed = stage.settings.get("seed")
    if not isinstance(seed, int):
        seed = mapping(_config(stage.winner).get("run")).get("sweep_seed")
    if not isinstance(seed, int):
        return stage.title, NONE, NONE, NONE, NONE
    told = []
    for evidence, key in _BLOCKS:
        episodes = stage.settings.get(key)
        if not isinstance(episodes, int) or not 0 < episodes <= 10_000:
            told.append(NONE)
            continue
        block = evidence_seeds(evidence, sweep_seed=seed, stage=stage.number, count=episodes)
        told.append(f"{block[0]:,}" + (f" … {block[-1]:,}" if episodes > 1 else ""))
    return stage.title, str(seed), *told


def _winner(stage: Stage, root: Path) -> tuple[object, ...]:
    row = stage.winner
    if row is None:
        return stage.title, NONE, NONE, NONE, NONE
    folder = TrialFolder(row.folder)
    handed = stage.state.winner.checkpoint.kind if stage.state and stage.state.winner else "best"
    policy = folder.bundle(handed, stage=stage.number)
    seed = row.metrics.get("seed")
    where = policy.relative_to(root) if policy.is_relative_to(root) else policy
    return (
        stage.title,
        row.trial_id,
        seed if seed is not None else NONE,
        tag("code", str(where)),
        _digest(policy),
    )


def _digest(policy: Path) -> Markup:
    try:
        parts = read_manifest(manifest_of(policy), of=policy)["parts"]
        return tag("code", str(parts[policy.name]["sha256"]), class_="long")
    except (CheckpointDamaged, KeyError, TypeError):
        return tag("span", "its manifest is not here", class_="quiet")


def _settings(stage: Stage) -> Markup | None:
    row = stage.winner
    if row is None or not row.parameters:
        return None
    rows = (
        (tag("code", name), value(told), "searched" if name in row.searched else "")
        for name, told in sorted(row.parameters.items())
        if told is not None
    )
    return tag(
        "details",
        tag("summary", f"Everything that stage {stage.title}'s winner was trained with"),
        table(("setting", "value", ""), rows),
    )


def _config(row: Row | None) -> Mapping[str, object]:
    return json_object(TrialFolder(row.folder).stage_config) if row is not None else {}
