"""What a study makes of measurements."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mesosweep.rehearsal.orders import Measurement, Metric, StudyStopping
from mesosweep.rehearsal.samples import METRIC, a_study
from mesosweep.rehearsal.studying import final_measurement, is_hopeless, is_over, moments

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def curve(*values: float, gap_s: float = 10.0) -> list[Measurement]:
    return [
        Measurement(step, gap_s * step, {METRIC: value})
        for step, value in enumerate(values, start=1)
    ]


def test_the_last_measurement_counts_or_the_best() -> None:
    measurements = curve(1.0, 5.0, 3.0)

    last = final_measurement(a_study(), measurements)
    best = final_measurement(a_study(best_measurement=True), measurements)
    least = final_measurement(
        a_study(best_measurement=True, metrics=(Metric(METRIC, maximise=False),)), measurements
    )

    assert [m and m.step for m in (last, best, least)] == [3, 2, 1]


def test_without_the_deciding_metric_there_is_none() -> None:
    assert final_measurement(a_study(), [Measurement(1, 1.0, {"loss": 0.1})]) is None


MEDIAN = a_study(median_stopping="steps")
COMPLETED = [curve(10, 10, 10), curve(20, 20, 20), curve(30, 30, 30)]


@pytest.mark.parametrize(
    ("values", "hopeless"),
    [((19.9, 19.9), True), ((20.0, 0.0), False), ((1.0, 25.0), False), ((), False)],
)
def test_a_trial_whose_best_is_below_the_median_is_hopeless(
    values: tuple[float, ...], hopeless: bool
) -> None:
    assert is_hopeless(MEDIAN, curve(*values), COMPLETED) == hopeless


def test_only_what_the_others_had_reported_by_then_counts() -> None:
    late = [curve(1, 1, 99), curve(1, 1, 99), curve(1, 1, 99)]

    assert not is_hopeless(MEDIAN, curve(2.0, 2.0), late)
    assert is_hopeless(MEDIAN, curve(2.0, 2.0, 2.0), late)


def test_time_may_stand_for_steps() -> None:
    slow = [curve(1, 1, 99, gap_s=100.0)] * 3
    by_time = a_study(median_stopping="elapsed")

    assert not is_hopeless(by_time, curve(2.0, 2.0, 2.0, gap_s=10.0), slow)
    assert is_hopeless(MEDIAN, curve(2.0, 2.0, 2.0, gap_s=10.0), slow)


def test_less_is_better_where_the_metric_is_minimised() -> None:
    loss = a_study(median_stopping="steps", metrics=(Metric(METRIC, maximise=False),))

    assert is_hopeless(loss, curve(25.0), COMPLETED)
    assert not is_hopeless(loss, curve(15.0), COMPLETED)


def test_without_the_rule_or_without_enough_others_nobody_is_hopeless() -> None:
    assert not is_hopeless(a_study(), curve(-99.0), COMPLETED)
    assert not is_hopeless(MEDIAN, curve(-99.0), COMPLETED[:2])


def over(stopping: StudyStopping, *values: float | None, after_s: float = 100.0) -> bool:
    finals = [(BEGAN + timedelta(seconds=10.0 * n), v) for n, v in enumerate(values, start=1)]
    now = BEGAN + timedelta(seconds=after_s)
    return is_over(stopping, finals=finals, began=BEGAN, now=now, metric=Metric(METRIC))


def test_a_study_without_conditions_goes_on() -> None:
    assert not over(StudyStopping(), 1.0, 1.0, 1.0)


def test_a_study_ends_after_trials_without_progress() -> None:
    stopping = StudyStopping(trials_no_progress=2)

    assert not over(stopping, 1.0, 2.0, 1.0)
    assert over(stopping, 1.0, 2.0, 1.0, 2.0)
    assert over(stopping, 1.0, 2.0, 1.0, None)


def test_a_study_ends_after_time_without_progress_or_at_its_limit() -> None:
    assert over(StudyStopping(no_progress_s=60.0), 1.0, 0.5, after_s=70.0)
    assert not over(StudyStopping(no_progress_s=60.0), 1.0, 2.0, after_s=70.0)
    assert over(StudyStopping(max_runtime_s=70.0), after_s=70.0)
    assert over(StudyStopping(max_runtime_until=BEGAN), 1.0)
    assert over(StudyStopping(max_trials=2), 1.0, 2.0)


def test_the_minima_keep_the_others_from_acting() -> None:
    at_once = StudyStopping(max_trials=1)
    tomorrow = BEGAN + timedelta(days=1)

    assert not over(replace(at_once, min_trials=3), 1.0, 2.0)
    assert over(replace(at_once, min_trials=3), 1.0, 2.0, 3.0)
    assert not over(replace(at_once, min_runtime_s=200.0), 1.0)
    assert not over(replace(at_once, min_runtime_until=tomorrow), 1.0)


def test_time_alone_changes_a_study_only_at_the_moments_told() -> None:
    stopping = StudyStopping(min_runtime_s=5.0, max_runtime_s=50.0, no_progress_s=20.0)
    ended = BEGAN + timedelta(seconds=10)

    told = {(m - BEGAN).total_seconds() for m in moments(stopping, began=BEGAN, ends=[ended])}

    assert told == {5.0, 50.0, 20.0, 30.0}
