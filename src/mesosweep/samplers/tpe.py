"""Bayesian search: an even start, then the Tree-structured Parzen Estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mesosweep.domain.space import Assignment, SearchSpace
from mesosweep.samplers.random import chosen, quasi_random

if TYPE_CHECKING:
    from mesosweep.domain.trial import Trial


class TPESampler:
    """Advice from the whole history, rebuilt for every suggestion.

    Nothing is remembered between calls: killed at any moment, a sweep that reads
    its trials back asks the very same next question.
    """

    name = "tpe"

    def suggest(
        self,
        space: SearchSpace,
        history: Sequence[Trial],
        *,
        count: int,
        total: int,
        seed: int,
    ) -> Sequence[tuple[Assignment, str]]:
        # Given trials teach, but are no part of the start-up.
        number = chosen(history)
        taught = any(lesson(trial) is not None for trial in history)
        # Without a single score there is nothing to model, however late it is.
        starting = count if not taught else min(count, max(0, startup(total) - number))
        points: list[tuple[Assignment, str]] = [
            (quasi_random(space, number + i, seed=seed), "startup") for i in range(starting)
        ]
        if starting < count:
            from mesosweep.samplers._tpe import model

            ahead = [point for point, _ in points]
            advice = model(
                space,
                history,
                ahead=ahead,
                count=count - starting,
                seed=seed + number + starting,
            )
            points += [(point, "model") for point in advice]
        return points


def startup(total: int) -> int:
    """Return how many trials of a study are chosen before the model is asked."""
    return max(3, total // 4)


def lesson(trial: Trial) -> float | None:
    """Return what a trial teaches: its panel's mean, else the best evaluation; None if nothing.

    A trial that failed, diverged or timed out has no value here, whatever it once
    scored: it is taught as worse than all others.
    """
    if trial.status == "finished":
        panel = trial.objective("panel_mean_reward")
        return panel if panel is not None else trial.objective("best_mean_reward")
    return trial.objective("best_mean_reward") if trial.status == "stopped" else None
