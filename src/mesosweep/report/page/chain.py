"""The chain of winners: what each stage was handed, and what became of the earlier skill."""

from __future__ import annotations

import math

from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score
from mesosweep.report.page.markup import Markup, joined, table, tag, whole
from mesosweep.report.page.overview import STALE
from mesosweep.report.page.sweep import Stage, Sweep
from mesosweep.report.words import NONE, number, scored

EXPLAINED = (
    "Each stage starts from the winner of the one before. “On arrival” is that winner, as "
    "it came, on the new stage's own episodes; “after training” is the new winner on the very same "
    "episodes. What falls from the left to the right was given up for the new lesson."
)


def chain(sweep: Sweep) -> Markup:
    """Return the winners in order, and one table per hand-over."""
    links: list[Markup] = []
    for place, stage in enumerate(sweep.stages):
        if place:
            links.append(tag("span", "→", class_="arrow"))
        links.append(_link(stage, is_last=stage is sweep.stages[-1]))
    handed = [part for stage in sweep.stages if (part := _hand_over(stage)) is not None]
    return joined((tag("div", *links, class_="chain"), *handed))


def _link(stage: Stage, *, is_last: bool) -> Markup:
    winner = stage.winner
    who = "no winner" if winner is None else f"trial {winner.trial_id}"
    if winner is not None and winner.attempt:
        who += f" of attempt {winner.attempt}"
    state = stage.state
    handed = state.winner.checkpoint.kind if state and state.winner else None
    told = f"hands on its {handed} checkpoint" if handed else "hands nothing on yet"
    if is_last and handed:
        told = f"its {handed} checkpoint is what the sweep has found"
    return tag(
        "div",
        tag("strong", stage.title),
        tag("div", who),
        tag("div", scored(stage.verified.winner) if stage.verified else NONE),
        tag("div", told, class_="quiet"),
        tag("div", "although its gate was not passed", class_="warn")
        if state is not None and state.gate_forced
        else None,
        tag("div", STALE, class_="warn") if stage.is_stale else None,
        class_=f"link s{stage.number}",
    )


def _hand_over(stage: Stage) -> Markup | None:
    verified = stage.verified
    if verified is None:
        return None
    is_first = stage.state is None or stage.state.parent is None
    before = "untrained" if is_first else "on arrival"
    return joined(
        (
            tag("h3", f"{stage.title}: {'from scratch' if is_first else 'from the winner before'}"),
            table(
                ("on the same test episodes", before, "after training", "change"),
                _rows(verified),
            ),
        )
    )


def _rows(verified: Verified) -> list[tuple[str, str, str, str]]:
    start, end = verified.untrained, verified.winner
    rows = [
        (
            "reward",
            whole(scored(start)),
            whole(scored(end)),
            _change(start.mean_reward, end.mean_reward),
        )
    ]
    shares = [("episodes of full length", start.full_length_rate, end.full_length_rate)]
    if start.success_rate is not None and end.success_rate is not None:
        shares.append(("success", start.success_rate, end.success_rate))
    for words, first, last in shares:
        rows.append((words, f"{first:.0%}", f"{last:.0%}", _points(last - first)))
    rows.append(
        (
            "episode length, steps",
            number(start.mean_length),
            number(end.mean_length),
            _change(start.mean_length, end.mean_length),
        )
    )
    rows += [
        (
            name.replace("_", " "),
            number(start.metrics[name]),
            number(value),
            _change(start.metrics[name], value),
        )
        for name, value in end.metrics.items()
        if name in start.metrics and _varies(name, start, end)
    ]
    return rows


def _points(share: float) -> str:
    return whole(f"{100 * share:+.0f} points".replace("-", "−"))


def _varies(name: str, start: Score, end: Score) -> bool:
    return bool(start.metrics[name] or end.metrics[name])


def _change(first: float, last: float) -> str:
    difference = last - first
    if not math.isfinite(difference):
        return NONE
    return f"{'+' if difference > 0 else '−' if difference < 0 else ''}{number(abs(difference))}"
