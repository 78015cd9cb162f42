"""Who wins a stage."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mesosweep.domain.errors import NoTrialFinished
from mesosweep.domain.score import Score, Verdict
from mesosweep.domain.space import Assignment
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.domain.winner import Winner, choose_winner


def a_trial(trial_id: str, *, panel: float = 0.0, best: float = 0.0, passed: bool = True) -> Trial:
    return Trial(
        trial_id,
        attempt=0,
        status="finished",
        assignment={"ppo_net_arch": "small", "ppo_gamma": 0.99},
        best_mean_reward=best,
        panel=Score(30, panel, 1.0, 100.0, 1.0),
        verdict=Verdict(passed),
        checkpoint=Checkpoint(f"{trial_id}/best_model.zip", "best", trial_id),
        final_checkpoint=Checkpoint(f"{trial_id}/stage1_final.zip", "final", trial_id),
    )


def chosen(*trials: Trial) -> Winner:
    return choose_winner(trials, select_by="panel_mean_reward", handoff="best")


def test_the_best_panel_score_wins() -> None:
    assert chosen(a_trial("1", panel=1.0, best=9.0), a_trial("2", panel=2.0)).trial.trial_id == "2"


def test_the_best_evaluation_wins_when_asked_for() -> None:
    trials = (a_trial("1", panel=1.0, best=9.0), a_trial("2", panel=2.0))

    winner = choose_winner(trials, select_by="best_mean_reward", handoff="best")

    assert (winner.trial.trial_id, winner.objective) == ("1", 9.0)


def test_a_trial_that_passed_beats_a_better_one_that_did_not() -> None:
    winner = chosen(a_trial("1", panel=1.0), a_trial("2", panel=9.0, passed=False))

    assert (winner.trial.trial_id, winner.gate_passed) == ("1", True)


def test_when_none_passed_the_best_wins_and_says_so() -> None:
    winner = chosen(a_trial("1", panel=1.0, passed=False), a_trial("2", panel=9.0, passed=False))

    assert (winner.trial.trial_id, winner.gate_passed) == ("2", False)


def test_ties_go_to_the_earlier_trial() -> None:
    assert chosen(a_trial("1", panel=1.0), a_trial("2", panel=1.0)).trial.trial_id == "1"


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_cannot_win(score: float) -> None:
    assert chosen(a_trial("1", panel=score), a_trial("2", panel=-5.0)).trial.trial_id == "2"


@pytest.mark.parametrize("status", ["stopped", "failed", "diverged", "timed_out", "running"])
def test_only_finished_trials_can_win(status: str) -> None:
    other = replace(a_trial("1", panel=9.0), status=status)  # type: ignore[arg-type]  # parametrised

    assert chosen(other, a_trial("2", panel=1.0)).trial.trial_id == "2"
    with pytest.raises(NoTrialFinished):
        chosen(other)


def test_what_is_handed_on_is_the_checkpoint_that_was_asked_for() -> None:
    winner = choose_winner([a_trial("1")], select_by="panel_mean_reward", handoff="final")

    assert winner.checkpoint.uri == "1/stage1_final.zip"


def test_a_winner_fixes_what_its_checkpoint_forces() -> None:
    fixed: Assignment = chosen(a_trial("1")).fixes(frozenset({"ppo_net_arch"}))

    assert fixed == {"ppo_net_arch": "small"}
