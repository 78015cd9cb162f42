"""Small studies, what a service would choose for their trials, and how these may end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from mesosweep.domain.score import Score
from mesosweep.domain.space import Assignment, Double, SearchSpace
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Checkpoint, Trial

Outcome: TypeAlias = Callable[[Study, int, Assignment], Trial]
"""(study, trial number from 0, assignment) → the trial as it will have ended."""


def a_study(
    *,
    key: str = "ratite-count-abcdef-s1-a0",
    stage: int = 1,
    trials: int = 4,
    parallel: int = 2,
    folder: str = "stage1",
    space: SearchSpace | None = None,
    **others: object,
) -> Study:
    """Return a small study to test with; keyword arguments replace its fields."""
    study = Study(
        key=key,
        species="counting",
        algorithm="count",
        stage=stage,
        stage_name="first",
        attempt=0,
        folder=folder,
        space=space or SearchSpace({"count_gain": Double(0.0, 1.0)}),
        trials=trials,
        parallel=parallel,
        settings=TrialSettings(timesteps=100, n_envs=1, eval_freq=25, save_freq=20),
    )
    return replace(study, **others)  # type: ignore[arg-type]  # a test names real fields


def scored(study: Study, trial_id: str, assignment: Assignment, reward: float) -> Trial:
    """Return a finished trial with this mean reward, judged by the study's gate."""
    score = Score(30, reward, 1.0, mean_length=100.0, full_length_rate=1.0)
    folder = f"{study.folder}/{trial_id}/models"
    return Trial(
        trial_id=trial_id,
        attempt=study.attempt,
        status="finished",
        assignment=assignment,
        best_mean_reward=reward,
        panel=score,
        verdict=study.gate.admits(score),
        checkpoint=Checkpoint(f"{folder}/best_model.zip", "best", trial_id),
        final_checkpoint=Checkpoint(f"{folder}/stage{study.stage}_final.zip", "final", trial_id),
        steps_asked=study.settings.timesteps,
        steps_trained=study.settings.timesteps,
        duration_s=60.0,
    )


def lost(study: Study, trial_id: str, assignment: Assignment, reason: str) -> Trial:
    """Return a trial that failed for this reason."""
    return Trial(trial_id, study.attempt, "failed", assignment, reason=reason)


def rising(study: Study, number: int, assignment: Assignment) -> Trial:
    """Every trial finishes, each better than the one before."""
    return scored(study, str(number), assignment, reward=float(number))


def assigned(study: Study, number: int) -> Assignment:
    """Return what a fake service chooses: known points first, then evenly over the space."""
    default: tuple[Assignment, ...] = () if study.default is None else (study.default,)
    known = (*default, *study.enqueued)
    if number < len(known):
        return known[number]
    # Steps of the golden ratio: even over the space and the same in every run.
    unit = (number + 1) * 0.6180339887498949 % 1.0
    return {name: parameter.at(unit) for name, parameter in study.space.items()}
