"""Which running trials have no chance to win."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.score import Score
from mesosweep.domain.stopping import LEAST_OTHERS, Curve, Rule, Stopping, best_until, hopeless
from mesosweep.domain.trial import Evaluation, Trial, TrialStatus

BUDGET = 900
MEDIAN = Stopping("median", BUDGET)
HALVING = Stopping("halving", BUDGET)


def curve(*means: float, every: int = 100) -> Curve:
    """Evaluate at 100, 200, … steps."""
    return tuple(
        Evaluation(every * number, Score(10, mean, 1.0, 100.0, 1.0))
        for number, mean in enumerate(means, start=1)
    )


def flat(mean: float, *, until: int = BUDGET) -> Curve:
    return curve(*[mean] * (until // 100))


def a_trial(number: int, status: TrialStatus) -> Trial:
    return Trial(str(number), 0, status, {})


def ended_early(stopping: Stopping, *told: tuple[TrialStatus, Curve]) -> Mapping[str, str]:
    """Return who is to end and why; trials are numbered as they come."""
    trials = [a_trial(number, status) for number, (status, _) in enumerate(told)]
    curves = {trial.identity: told[int(trial.trial_id)][1] for trial in trials}
    # In whatever order a backend lists them.
    found = hopeless(stopping, trials[::-1], curves)
    return {trial.trial_id: reason for trial, reason in found}


def finished(*means: float) -> list[tuple[TrialStatus, Curve]]:
    return [("finished", flat(mean)) for mean in means]


def test_a_trial_below_the_median_of_those_before_it_is_to_end() -> None:
    found = ended_early(MEDIAN, *finished(1, 2, 3, 4, 5), ("running", flat(2.5, until=300)))

    assert found == {"5": "best mean 2.5 by step 300, below the median 3 of 5 trials before it"}


@pytest.mark.parametrize("mean", [3.0, 3.1, 99.0])
def test_one_at_or_above_the_median_goes_on(mean: float) -> None:
    assert not ended_early(MEDIAN, *finished(1, 2, 3, 4, 5), ("running", flat(mean, until=800)))


def test_what_counts_is_the_best_so_far_not_a_bad_moment() -> None:
    assert not ended_early(MEDIAN, *finished(1, 2, 3, 4, 5), ("running", curve(9, 9, 9, -50)))


def test_slow_starters_are_compared_at_the_same_step() -> None:
    late: Curve = curve(0, 0, 0, 0, 9, 9, 9, 9, 9)
    others: list[tuple[TrialStatus, Curve]] = [("finished", late)] * 5

    assert not ended_early(MEDIAN, *others, ("running", curve(1, 1, 1)))
    assert ended_early(MEDIAN, *others, ("running", curve(1, 1, 1, 1, 1)))


def test_the_first_trials_of_a_study_always_go_on() -> None:
    hopeless_ones: list[tuple[TrialStatus, Curve]] = [("running", flat(-9.0, until=800))]

    for rule in (MEDIAN, HALVING):
        assert not ended_early(rule, *finished(*[1.0] * (LEAST_OTHERS - 1)), *hopeless_ones)
        assert ended_early(rule, *finished(*[1.0] * LEAST_OTHERS), *hopeless_ones)


def test_trials_begun_later_say_nothing_about_an_earlier_one() -> None:
    assert not ended_early(MEDIAN, ("running", flat(0.0, until=800)), *finished(*range(5, 15)))


def test_running_trials_count_once_they_are_as_far() -> None:
    ahead: list[tuple[TrialStatus, Curve]] = [("running", flat(5.0, until=400))] * 5
    behind: list[tuple[TrialStatus, Curve]] = [("running", flat(5.0, until=200))] * 5

    assert set(ended_early(MEDIAN, *ahead, ("running", flat(1.0, until=300)))) == {"5"}
    assert not ended_early(MEDIAN, *behind, ("running", flat(1.0, until=300)))


def test_stopped_trials_keep_the_median_from_rising() -> None:
    stopped: list[tuple[TrialStatus, Curve]] = [("stopped", flat(1.0, until=300))] * 5

    assert not ended_early(MEDIAN, *finished(8, 9, 9), *stopped, ("running", flat(2, until=500)))


@pytest.mark.parametrize("status", ["failed", "diverged", "timed_out"])
def test_trials_without_a_result_are_not_compared_with(status: TrialStatus) -> None:
    lost: list[tuple[TrialStatus, Curve]] = [(status, flat(9.0))] * 9

    assert not ended_early(MEDIAN, *lost, ("running", flat(1.0, until=500)))


def test_numbers_that_are_none_are_no_score() -> None:
    nothing = curve(math.nan, math.nan, math.nan)

    assert (
        "best mean none" in ended_early(MEDIAN, *finished(1, 2, 3, 4, 5), ("running", nothing))["5"]
    )
    assert best_until(nothing, 900) == -math.inf
    assert not ended_early(MEDIAN, *[("finished", nothing)] * 5, ("running", nothing))  # type: ignore[arg-type]  # a literal widens to str


@pytest.mark.parametrize("rule", ["median", "halving"])
def test_nobody_is_stopped_who_has_trained_all_steps(rule: Rule) -> None:
    assert not ended_early(Stopping(rule, BUDGET), *finished(*range(9)), ("running", flat(-1.0)))


@pytest.mark.parametrize("rule", ["median", "halving"])
def test_nobody_is_stopped_while_warm_up_and_ramp_may_last(rule: Rule) -> None:
    patient = Stopping(rule, BUDGET, grace_steps=400)
    others = finished(*range(1, 10))

    assert not ended_early(patient, *others, ("running", flat(0.0, until=300)))
    assert set(ended_early(patient, *others, ("running", flat(0.0, until=400)))) == {"9"}


def test_a_grace_as_long_as_the_budget_stops_nobody() -> None:
    for rule in (Stopping("median", BUDGET, BUDGET), Stopping("halving", BUDGET, BUDGET)):
        assert rule.rungs == ()
        assert not ended_early(rule, *finished(*range(9)), ("running", flat(-1.0, until=800)))


@pytest.mark.parametrize(
    ("grace", "rungs"),
    [(0, (100, 300)), (100, (100, 300)), (150, (150, 300)), (300, (300,)), (450, (450,))],
)
def test_rungs_lie_at_a_ninth_and_a_third_past_the_grace(
    grace: int, rungs: tuple[int, ...]
) -> None:
    assert Stopping("halving", BUDGET, grace).rungs == rungs


def test_a_third_goes_on_past_a_rung() -> None:
    others = finished(1, 2, 3, 4, 5, 6, 7, 8)

    third = ended_early(HALVING, *others, ("running", flat(6.5, until=300)))
    fourth = ended_early(HALVING, *others, ("running", flat(5.5, until=300)))

    assert third == {}
    assert fourth == {"8": "best mean 5.5, not among the best 3 of 9 trials at step 300"}


def test_equals_of_the_last_that_goes_on_go_on() -> None:
    assert not ended_early(HALVING, *finished(*[4.0] * 8), ("running", flat(4.0, until=300)))


def test_past_a_rung_what_others_had_there_counts_until_the_next() -> None:
    late: tuple[TrialStatus, Curve] = ("finished", curve(*[0] * 5, *[9] * 4))
    others = [*finished(1, 2, 3, 4, 5), late]

    behind = ended_early(HALVING, *others, ("running", flat(2.5, until=800)))
    risen = ended_early(HALVING, *others, ("running", curve(2.5, 2.5, 2.5, 4.5)))

    assert behind == {"6": "best mean 2.5, not among the best 3 of 7 trials at step 300"}
    assert risen == {}


means = st.lists(st.floats(-100, 100, allow_nan=False), min_size=1, max_size=9)


@given(st.lists(means, min_size=1, max_size=12), means)
def test_a_trial_above_the_median_is_never_stopped_by_it(
    others: Sequence[Sequence[float]], mine: Sequence[float]
) -> None:
    before = [("finished", curve(*values, *[values[-1]] * (9 - len(values)))) for values in others]
    now = 100 * len(mine)
    own = max(mine)
    median = statistics.median(best_until(known, now) for _, known in before)

    found = ended_early(MEDIAN, *before, ("running", curve(*mine)))  # type: ignore[arg-type]  # a literal widens to str

    assert not (found and own >= median)


@given(st.lists(means, min_size=1, max_size=12), st.sampled_from([MEDIAN, HALVING]))
def test_the_best_of_all_is_never_stopped(
    all_of_them: Sequence[Sequence[float]], stopping: Stopping
) -> None:
    told = [("running", curve(*values)) for values in all_of_them]
    # Best from its first evaluation on.
    told.append(("running", curve(100.0, *all_of_them[0][1:])))

    assert str(len(told) - 1) not in ended_early(stopping, *told)  # type: ignore[arg-type]  # a literal widens to str
