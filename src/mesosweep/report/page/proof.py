"""How far to believe the scores: three kinds of evidence, and what must be beaten."""

from __future__ import annotations

from statistics import fmean

from mesosweep.domain.score import Score
from mesosweep.report.page import charts
from mesosweep.report.page.bootstrap import Interval, difference_interval, mean_interval
from mesosweep.report.page.charts import Number
from mesosweep.report.page.markup import Markup, joined, table, tag, whole
from mesosweep.report.page.sweep import Stage
from mesosweep.report.words import NONE, number, scored

EXPLAINED = (
    "The search score is the best evaluation seen in training: the largest of many, so it is "
    "flattered by luck. The panel score is of fresh episodes, the same for all trials, and chooses "
    "the winner: the best of many, so flattered a little. The verified score is of episodes that "
    "only winners ever see, once. The optimism gap is how much a search score promised too much."
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
    """Return the winner's best evaluation, whose spread no record keeps."""
    winner = stage.winner
    if winner is None or winner.best_mean_reward is None:
        return None
    episodes = stage.settings.get("eval_episodes")
    count = episodes if isinstance(episodes, int) else 1
    return Score(count, winner.best_mean_reward, 0.0, winner.best_mean_episode_length or 0.0, 0.0)


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
                f"Verified on {verified.winner.episodes} episodes: ",
                tag("strong", scored(verified.winner)),
                _more(verified.winner),
            ),
            table(head, rows),
        )
    )


def _clearly(told: Interval | None) -> Markup:
    if told is None:
        return tag("span", "not finite", class_="badge lost")
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
    """Return how much search and panel scores promised too much, with bootstrap intervals."""
    winner, verified = stage.winner, stage.verified
    pairs = [
        row.best_mean_reward - row.panel_mean_reward
        for row in stage.rows
        if row.best_mean_reward is not None and row.panel_mean_reward is not None
    ]
    rows: list[tuple[str, str, str]] = []
    if verified is not None and search is not None:
        told = difference_interval(search, verified.winner)
        rows.append(("the winner: search − verified", _interval(told), "resampled: test episodes"))
    if verified is not None and winner is not None and winner.panel is not None:
        told = difference_interval(winner.panel, verified.winner)
        rows.append(("the winner: panel − verified", _interval(told), "resampled: all episodes"))
    if (mean := mean_interval(pairs)) is not None:
        words = f"all {len(pairs)} finished trials: search − panel, mean"
        rows.append((words, _interval(mean), "resampled: trials"))
    elif pairs:
        words = f"all {len(pairs)} finished trials: search − panel, mean"
        rows.append((words, _signed(fmean(pairs)), "too few trials for an interval"))
    return table(("optimism gap", "reward, 95 % by bootstrap", ""), rows) if rows else None


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
