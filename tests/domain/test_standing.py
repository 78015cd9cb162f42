"""What is handed on is a policy up to which the gate was passed often enough in a row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.score import Gate, Score
from mesosweep.domain.standing import Demand, Standing
from mesosweep.domain.trial import Evaluation

GATE = Gate(min_avg_episode_length=10.0)
LONG, SHORT = 12.0, 3.0
"""Mean episode lengths that pass the gate, and that do not."""


def judged(step: int, reward: float, length: float = LONG) -> Evaluation:
    return Evaluation(step, Score(5, reward, 1.0, length, 1.0))


def standing(evaluations: Sequence[Evaluation], *, passes: int, gate: Gate = GATE) -> Standing:
    demand, found = Demand(gate, passes), Standing()
    for evaluation in evaluations:
        found = demand.after(found, evaluation)
    return found


def test_a_search_keeps_the_highest_mean_whatever_the_gate_says() -> None:
    found = standing([judged(10, 5.0), judged(20, 9.0, SHORT), judged(30, 7.0)], passes=0)

    assert found.best == judged(20, 9.0, SHORT)
    assert Demand(GATE, 0).missing(found, "best") == ()


def test_a_streak_that_lies_before_the_highest_mean_does_not_vouch_for_it() -> None:
    streak = [judged(10, 1.0), judged(20, 3.0), judged(30, 2.0)]
    brilliant_but_short = judged(40, 99.0, SHORT)

    found = standing([*streak, brilliant_but_short], passes=2)

    assert found.best == judged(20, 3.0)
    assert found.best_in_a_row == 2
    assert Demand(GATE, 2).missing(found, "best") == ()


def test_where_no_streak_is_long_enough_the_checkpoint_says_what_it_lacks() -> None:
    found = standing([judged(10, 1.0), judged(20, 3.0), judged(30, 9.0, SHORT)], passes=3)

    assert found.best == judged(30, 9.0, SHORT)
    assert Demand(GATE, 3).missing(found, "best") == (
        "passed by 0 evaluations in a row up to the best checkpoint (step 30), not 3",
    )


def test_the_final_checkpoint_is_judged_by_the_streak_that_training_ended_with() -> None:
    evaluations = [judged(10, 1.0), judged(20, 3.0), judged(30, 2.0, SHORT), judged(40, 2.0)]
    found = standing(evaluations, passes=2)

    demand = Demand(GATE, 2)

    assert demand.missing(found, "best") == ()
    assert demand.missing(found, "final") == (
        "passed by 1 evaluation in a row up to the final checkpoint (step 40), not 2",
    )


def test_a_stage_without_a_gate_asks_for_no_streak() -> None:
    found = standing([judged(10, 9.0, SHORT), judged(20, 1.0)], passes=3, gate=Gate())

    assert found.best == judged(10, 9.0, SHORT)
    assert Demand(Gate(), 3).missing(found, "best") == ()


def test_before_an_evaluation_nothing_can_be_missing() -> None:
    assert Demand(GATE, 3).missing(Standing(), "best") == ()


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_what_is_not_finite_is_never_the_best_and_breaks_a_streak(reward: float) -> None:
    found = standing([judged(10, 1.0), judged(20, reward), judged(30, 0.5)], passes=2)

    assert found.best == judged(10, 1.0)
    assert found.in_a_row == 1


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=12),
    st.integers(0, 4),
)
def test_the_best_is_the_first_highest_of_those_that_end_a_long_enough_streak(
    told: list[tuple[int, bool]], passes: int
) -> None:
    evaluations = [
        judged(step, float(reward), LONG if passed else SHORT)
        for step, (reward, passed) in enumerate(told)
    ]
    proven = [
        evaluation
        for step, evaluation in enumerate(evaluations)
        if passes == 0
        or (step + 1 >= passes and all(p for _, p in told[step + 1 - passes : step + 1]))
    ]
    best = max(proven or evaluations, key=lambda evaluation: evaluation.score.mean_reward)

    found = standing(evaluations, passes=passes)

    assert found.best == best
    assert bool(Demand(GATE, passes).missing(found, "best")) == (not proven)
    assert found.last == evaluations[-1]
