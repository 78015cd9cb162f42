"""How far to believe the scores: three kinds of evidence, and what must be beaten."""

from __future__ import annotations

import math
from statistics import fmean

from mesosweep.domain.score import Score
from mesosweep.report.page import charts
from mesosweep.report.page.bootstrap import (
    Interval,
    difference_interval,
    mean_interval,
    promise_interval,
)
from mesosweep.report.page.charts import Number
from mesosweep.report.page.markup import Markup, joined, table, tag, whole
from mesosweep.report.page.sweep import Stage
from mesosweep.report.words import NONE, many, number, scored

EXPLAINED = (
    "The search score is the best evaluation seen in training: the largest of many, so it is "
    "flattered by luck. The panel score is of fresh episodes, the same for all trials, and chooses "
    "the winner: the best of many, so flattered a little. The verified score is of episodes that "
    "only winners ever see, once."
)
EXPLAINED_GAP = (
    "The optimism gap is how much a printed score promised too much: the score minus the policy's "
    "true mean. The score stands as it was printed, luck and all, so only the episodes that checked "
    "it are uncertain here; the ± beside a score says how far such a score comes out by chance. The "
    "mean over trials is uncertain by the trials: its interval is of searches like this one, judged "
    "on these very episodes, which all trials share."
)


def proof(stage: Stage, number_of: Number) -> Markup:
    """Return a stage's evidence: chart, distances with intervals, and the optimism gaps."""
    winner, verified = stage.winner, stage.verified
    if winner is None:
        return tag("p", "No trial has a score.", class_="quiet")
    search = _search(stage)
    shown: list[tuple[str, Score | None, str]] = [
        ("search (best in training)", search, "search"),
        ("panel", winner.panel, "panel"),
    ]
    if verified is not None:
        shown.append(("verified", verified.winner, "won"))
        shown += [(words, getattr(verified, name), "yard") for name, words in _yardsticks(stage)]
    least = winner.gate.min_avg_reward if winner.gate else None
    scatter = charts.search_against_panel(stage, number_of)
    return joined(
        (
            tag(
                "div",
                _figure(charts.evidence(shown, least), _caption(stage)),
                _figure(scatter, "Below the dotted line a trial had promised too much.")
                if scatter
                else None,
                class_="charts",
            ),
            _distances(stage),
            _gaps(stage, search),
        )
    )


def _figure(drawing: Markup | None, caption: str) -> Markup | None:
    return drawing and tag("figure", drawing, tag("figcaption", caption))


def _caption(stage: Stage) -> str:
    who = f"Trial {stage.winner.trial_id}" if stage.winner else "The winner"
    return f"{who} and what it must beat: means with 95 % intervals."


def _search(stage: Stage) -> Score | None:
    """Return the winner's best evaluation; without its spread where no curve tells it."""
    winner = stage.winner
    if winner is None or winner.best_mean_reward is None:
        return None
    for point in stage.curves.get((winner.attempt, winner.trial_id), ()):
        if point.score is not None and point.reward == winner.best_mean_reward:
            return point.score
    episodes = stage.settings.get("eval_episodes")
    count = episodes if isinstance(episodes, int) else 1
    length = winner.best_mean_episode_length or 0.0
    return Score(count, winner.best_mean_reward, math.nan, length, 0.0)


def _distances(stage: Stage) -> Markup | None:
    verified = stage.verified
    if verified is None:
        return tag("p", "The winner has not been verified yet.", class_="quiet")
    rows = []
    for name, words in _yardsticks(stage):
        other: Score | None = getattr(verified, name)
        if other is None:
            rows.append((words, NONE, NONE, "was not measured"))
            continue
        if name == "default" and stage.winner is not None and stage.winner.origin == "default":
            rows.append((words, whole(scored(other)), NONE, "it is the winner"))
            continue
        told = difference_interval(verified.winner, other)
        rows.append((words, whole(scored(other)), _interval(told), _clearly(told)))
    head = ("over", "scores there", "the winner's distance, 95 %", "")
    return joined(
        (
            tag(
                "p",
                f"Verified on {many(verified.winner.episodes, 'episode')}: ",
                tag("strong", scored(verified.winner)),
                _more(verified.winner),
            ),
            table(head, rows),
        )
    )


def _clearly(told: Interval | None) -> Markup:
    if told is None:
        return tag("span", "no interval", class_="badge lost")
    if not told.excludes_zero:
        return tag("span", "not distinguishable", class_="badge")
    above = told.value > 0
    return tag("span", "above" if above else "below", class_=f"badge {'ok' if above else 'no'}")


def _more(score: Score) -> str:
    """Return the reward-free part of a score in words."""
    told = [f"{score.full_length_rate:.0%} of full length"]
    if score.success_rate is not None:
        told.append(f"{score.success_rate:.0%} success")
    speed = score.metrics.get("forward_velocity")
    if speed is not None:
        told.append(f"{number(speed)} m/s")
    return " · " + " · ".join(told)


def _gaps(stage: Stage, search: Score | None) -> Markup | None:
    """Return how much search and panel scores promised too much; see `EXPLAINED_GAP`."""
    winner, verified = stage.winner, stage.verified
    pairs = [
        row.best_mean_reward - row.panel_mean_reward
        for row in stage.rows
        if row.best_mean_reward is not None and row.panel_mean_reward is not None
    ]
    rows: list[tuple[str, str, str, str]] = []
    for name, promise in (("search", search), ("panel", winner.panel if winner else None)):
        if verified is None or promise is None:
            continue
        told = promise_interval(promise.mean_reward, verified.winner)
        episodes = many(verified.winner.episodes, "test episode")
        rows.append(
            (f"the winner: {name} − verified", _promised(promise), _interval(told), episodes)
        )
    if pairs:
        mean = mean_interval(pairs)
        trials = many(len(pairs), "finished trial")
        words = f"{'all ' if len(pairs) > 1 else ''}{trials}: search − panel, mean"
        found = _signed(fmean(pairs)) if mean is None else _interval(mean)
        rows.append((words, NONE, found, "too few trials to tell" if mean is None else "trials"))
    if not rows:
        return None
    head = ("optimism gap", "promised", "too much by, 95 % by bootstrap", "resampled")
    return table(head, rows)


def _promised(score: Score) -> str:
    """Return a score with its spread, if that is known."""
    has_spread = math.isfinite(score.std_reward)
    return whole(scored(score) if has_spread else number(score.mean_reward))


def _interval(told: Interval | None) -> str:
    if told is None:
        return NONE
    return whole(f"{_signed(told.value)} ({number(told.low)} to {number(told.high)})")


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value)}"


def _yardsticks(stage: Stage) -> tuple[tuple[str, str], ...]:
    """Return what the winner must beat, in words: a later stage does not start untrained."""
    handed = stage.state is not None and stage.state.parent is not None
    start = "the winner that it started from" if handed else "its untrained start"
    return (
        ("default", "the species' defaults"),
        ("untrained", start),
        ("random", "random action"),
        ("zero", "doing nothing"),
    )
