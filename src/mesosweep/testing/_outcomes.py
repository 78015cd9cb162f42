"""What a made-up trial is worth: a peak in the learning rate and in gamma, and chance."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from mesosweep.domain.events import Verified
from mesosweep.domain.score import Gate, Score
from mesosweep.domain.seeds import training_seed
from mesosweep.domain.space import Assignment, Categorical, Discrete, Double, Parameter, SearchSpace
from mesosweep.domain.trial import LOST, Checkpoint, Evaluation, Trial, TrialStatus
from mesosweep.records.layout import TrialFolder

_PPO: dict[str, Parameter] = {
    "ppo_learning_rate": Double(1e-5, 3e-4, "log"),
    "ppo_gamma": Double(0.97, 0.999),
    "ppo_batch_size": Discrete((64, 128, 256, 512)),
    "ppo_n_steps": Discrete((1024, 2048, 4096)),
    "ppo_ent_coef": Double(1e-4, 0.05, "log"),
}
_SAC: dict[str, Parameter] = {
    "sac_learning_rate": Double(1e-5, 3e-4, "log"),
    "sac_gamma": Double(0.97, 0.999),
    "sac_batch_size": Discrete((128, 256, 512)),
}
_REWARD = (900.0, 1500.0, 420.0)
"""What a good trial of each stage scores."""
GATES = (
    Gate(min_avg_reward=500.0, min_avg_episode_length=400.0),
    Gate(min_avg_reward=800.0, min_avg_forward_vel=1.0),
    Gate(min_success_rate=0.5),
)
_ENDS: tuple[tuple[TrialStatus, float, str | None], ...] = (
    ("failed", 0.03, "Traceback (most recent call last):\nRuntimeError: out of memory"),
    ("diverged", 0.03, "no evaluation had a finite mean reward"),
    ("timed_out", 0.01, "it took longer than 3600 s"),
    ("stopped", 0.05, "below the median of other trials at step 200000"),
)


def space_of(stage: int, algorithm: str = "ppo") -> SearchSpace:
    """Return what a made-up sweep searches on a stage; a network on the first alone."""
    space = dict(_PPO if algorithm == "ppo" else _SAC)
    if stage == 1:
        space[f"{algorithm}_net_arch"] = Categorical(
            ("small", "medium", "large", "deep", "tapered")
        )
    space[("env_alive_bonus", "env_forward_vel_weight", "env_strike_bonus")[stage - 1]] = Double(
        1.0, 5.0
    )
    return SearchSpace(space)


def made_up_trial(
    folder: TrialFolder,
    *,
    stage: int,
    algorithm: str,
    most_evaluations: int,
    assignment: Assignment,
    origin: str,
    chance: random.Random,
) -> tuple[Trial, tuple[Evaluation, ...]]:
    """Return a trial as it ended, and the evaluations that it reported."""
    status, reason = _ending(chance, origin)
    skill = _skill(assignment, algorithm) + chance.gauss(0.0, 0.07)
    share = 1.0 if status == "finished" else chance.uniform(0.2, 0.8)
    count = 0 if status == "failed" else max(1, round(most_evaluations * share))
    evaluations = tuple(
        Evaluation(
            round(500_000 * number / most_evaluations),
            _score(stage, skill * (1 - math.exp(-5 * number / most_evaluations)), 10, chance),
        )
        for number in range(1, count + 1)
    )
    is_finished = status == "finished"
    panel = _score(stage, skill, 30, chance) if is_finished else None
    # What training saw best is better than it is: that is what fresh episodes are for.
    best = max((e.score.mean_reward for e in evaluations), default=None)
    trial = Trial(
        trial_id=folder.path.name,
        attempt=0,
        status=status,
        assignment=assignment,
        parameters=_resolved(assignment, algorithm),
        origin=origin,
        best_mean_reward=best,
        panel=panel,
        verdict=GATES[stage - 1].admits(panel) if panel else None,
        steps_asked=500_000,
        steps_trained=evaluations[-1].step if evaluations else 0,
        duration_s=round(300.0 * share, 3),
        reason=reason,
        seed=training_seed(sweep_seed=42, stage=stage, attempt=0, trial=int(folder.path.name)),
    )
    if status in LOST:
        return trial, evaluations
    return (
        replace(
            trial,
            checkpoint=Checkpoint(str(folder.best), "best", trial.trial_id),
            final_checkpoint=Checkpoint(str(folder.final(stage)), "final", trial.trial_id),
        ),
        evaluations,
    )


def made_up_verified(stage: int, winner: Trial) -> Verified:
    """Return what a stage's winner and its yardsticks score on the test block."""
    assert winner.panel is not None
    share = winner.panel.mean_reward / _REWARD[stage - 1]
    chance = random.Random(stage)
    winner_s, zero, nothing, start, default = (
        _score(stage, skill, 100, chance) for skill in (share - 0.03, 0.2, 0.0, 0.3, share - 0.1)
    )
    return Verified(winner=winner_s, zero=zero, random=nothing, untrained=start, default=default)


def _ending(chance: random.Random, origin: str) -> tuple[TrialStatus, str | None]:
    drawn = chance.random()
    for status, share, reason in _ENDS:
        if drawn < share and origin != "default":
            return status, reason
        drawn -= share
    return "finished", None


def _skill(assignment: Assignment, algorithm: str) -> float:
    """Return how good a choice is, about 0 to 1: a peak in the learning rate and in gamma."""
    rate, gamma = assignment[f"{algorithm}_learning_rate"], assignment[f"{algorithm}_gamma"]
    off = (math.log10(float(rate)) + 4.0) ** 2 + 900 * (float(gamma) - 0.985) ** 2
    size = {"small": 0.0, "medium": 0.1}.get(str(assignment.get(f"{algorithm}_net_arch")), 0.15)
    return 0.95 * math.exp(-1.2 * off) + size - 0.1


def _score(stage: int, skill: float, episodes: int, chance: random.Random) -> Score:
    reward = _REWARD[stage - 1] * skill
    spread = 0.15 * _REWARD[stage - 1]
    mean = reward + chance.gauss(0.0, spread / math.sqrt(episodes))
    bounded = min(max(skill, 0.0), 1.0)
    return Score(
        episodes=episodes,
        mean_reward=mean,
        std_reward=spread,
        mean_length=500 * bounded,
        full_length_rate=bounded,
        success_rate=round(bounded * episodes) / episodes if stage == 3 else None,
        metrics={"forward_velocity": 2.0 * bounded * (stage > 1), "tilt": 0.3 * (1 - bounded)},
    )


def _resolved(assignment: Assignment, algorithm: str) -> dict[str, float | int | str | bool]:
    own = {f"{algorithm}.max_grad_norm": 0.5, f"{algorithm}.vf_coef": 0.5, "env.horizon_s": 10.0}
    return {**own, **{name.replace("_", ".", 1): value for name, value in assignment.items()}}
