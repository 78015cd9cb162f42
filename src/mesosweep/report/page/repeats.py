"""Configurations trained again from fresh seeds: what `verify` found, and whether anybody can tell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from mesosweep.report.page.markup import Markup, joined, table, tag, whole
from mesosweep.report.page.sweep import Stage, Sweep
from mesosweep.report.results.loose import json_object, mapping
from mesosweep.report.results.rows import finite
from mesosweep.report.verification_document import NAME
from mesosweep.report.words import NONE, count, many, number

EXPLAINED = (
    "A search trains each configuration once, so a winner may owe its place to a lucky seed. Here "
    "the best were trained again, each from several fresh seeds, and every run was scored on the "
    "same held-out episodes. IQM is the interquartile mean of the runs, with a stratified bootstrap "
    "interval (Agarwal et al., 2021). Two are told apart where the probability that a run of one "
    "beats a run of the other leaves a half out of its interval, and a rank test has p < 0.05."
)


def repeats(sweep: Sweep) -> Markup:
    """Return one table per stage and budget that was verified; how to, when none was."""
    by_number = {stage.number: stage for stage in sweep.stages}
    parts = []
    for path in sorted((sweep.root / "verify").glob(f"*/{NAME}")):
        told = json_object(path)
        number_of = told.get("stage")
        if not isinstance(number_of, int) or not _entries(told):
            parts.append(tag("p", f"{path} cannot be read.", class_="warn"))
        elif (stage := by_number.get(number_of)) is None:
            words = f"{path} is of stage {number_of}, of which nothing is on this page."
            parts.append(tag("p", words, class_="quiet"))
        else:
            parts.append(_verified(stage, told))
    if not parts:
        words = "Whether the winners are better than the next ones was not tried: "
        command = shlex.join(["mesosweep", "verify", str(sweep.root), "--top", "3", "--seeds", "5"])
        return tag("p", words, tag("code", command), class_="quiet")
    return joined((*parts, tag("p", EXPLAINED, class_="quiet")))


def _verified(stage: Stage, told: Mapping[str, Any]) -> Markup:
    steps, episodes = finite(told.get("timesteps")), finite(told.get("episodes"))
    each = f"{count(steps)} steps each" if steps else ""
    scored = f"{many(int(episodes), 'held-out episode')}" if episodes else ""
    heading = ", ".join(filter(None, (f"Stage {stage.title}", each, scored)))
    head = ("trial", "runs", "IQM, 95 %", "search panel", "beats the next, 95 %", "p", "")
    said = told.get("told")
    sentences = (
        [f"{line[:1].upper()}{line[1:]}" for line in said if isinstance(line, str)]
        if isinstance(said, list)
        else []
    )
    return tag(
        "div",
        tag("h3", heading),
        table(head, (_row(stage, entry) for entry in _entries(told))),
        tag("ul", *(tag("li", line) for line in sentences)) if sentences else None,
        class_=f"stage s{stage.number}",
    )


def _entries(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = told.get("configurations")
    return [mapping(entry) for entry in entries] if isinstance(entries, list) else []


def _row(stage: Stage, entry: Mapping[str, Any]) -> tuple[object, ...]:
    beats = mapping(entry.get("beats_next"))
    runs = entry.get("runs")
    all_runs = [mapping(run) for run in runs] if isinstance(runs, list) else []
    scored = sum(bool(run.get("held_out")) or run.get("status") == "diverged" for run in all_runs)
    p_value = finite(beats.get("p_value"))
    return (
        _trial(stage, entry),
        f"{scored}/{len(all_runs)}",
        # Of one run nobody knows how far another one lies.
        _interval(entry.get("iqm"), ends=scored > 1),
        number(finite(mapping(entry.get("search_panel")).get("mean_reward"))),
        _interval(beats.get("probability")),
        NONE if p_value is None else f"{p_value:.2g}",
        _verdict(beats),
    )


def _trial(stage: Stage, entry: Mapping[str, Any]) -> Markup:
    called = str(entry.get("called") or entry.get("trial_id"))
    winner = stage.winner
    identity = (entry.get("attempt"), str(entry.get("trial_id")))
    has_won = winner is not None and stage.is_won and (winner.attempt, winner.trial_id) == identity
    badge = tag("span", "winner", class_="badge ok") if has_won else None
    return tag("span", called, " " if has_won else None, badge)


def _interval(told: object, *, ends: bool = True) -> str:
    """Write an interval; an end that is not finite was written as null."""
    if not isinstance(told, Mapping):
        return NONE
    middle, low, high = (finite(told.get(name)) for name in ("value", "low", "high"))
    if middle is None:
        return "not finite"
    if not ends:
        return number(middle)
    span = f"{'−∞' if low is None else number(low)} to {'∞' if high is None else number(high)}"
    return whole(f"{number(middle)} ({span})")


def _verdict(beats: Mapping[str, Any]) -> Markup | None:
    if not beats:
        return None
    if beats.get("distinguishable") is True:
        odds = finite(mapping(beats.get("probability")).get("value"))
        # The order is that of the interquartile means; runs may beat one another the other way.
        if odds is not None and odds < 0.5:
            return tag("span", "clearly below", class_="badge no")
        return tag("span", "clearly", class_="badge ok")
    return tag("span", "not distinguishable", class_="badge")
