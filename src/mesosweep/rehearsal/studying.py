"""What a study makes of its trials' measurements: which one counts, who stops, when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import fmean, median

from mesosweep.rehearsal.orders import Measurement, Metric, Study, StudyStopping

MEDIAN_OF = 3
"""So many completed trials must there be before the median rule stops anybody. The pages name
no number; one completed trial alone would make every second one stop."""


def final_measurement(study: Study, measurements: Sequence[Measurement]) -> Measurement | None:
    """Return the measurement that counts; None where the deciding metric was never reported."""
    reported = [m for m in measurements if study.metric.name in m.metrics]
    if not reported:
        return None
    if study.best_measurement:
        return max(reported, key=lambda m: _worth(study.metric, m))
    return max(reported, key=lambda m: (m.step, m.elapsed_s))


def is_hopeless(
    study: Study, running: Sequence[Measurement], completed: Sequence[Sequence[Measurement]]
) -> bool:
    """Apply the median rule as `MedianAutomatedStoppingSpec` states it.

    A trial stops when its best value is strictly worse than the median performance of the
    completed trials, which is the running average of what each had reported by then. The
    decay-curve and convex rules are accepted in a request and stop nobody here.
    """
    if study.median_stopping is None:
        return False
    by_steps = study.median_stopping == "steps"
    own = [m for m in running if study.metric.name in m.metrics]
    if not own:
        return False
    reached = max(m.step if by_steps else m.elapsed_s for m in own)
    performances = []
    for measurements in completed:
        values = [
            _worth(study.metric, m)
            for m in measurements
            if study.metric.name in m.metrics and (m.step if by_steps else m.elapsed_s) <= reached
        ]
        if values:
            performances.append(fmean(values))
    if len(performances) < MEDIAN_OF:
        return False
    return max(_worth(study.metric, m) for m in own) < median(performances)


def is_over(
    stopping: StudyStopping,
    *,
    finals: Sequence[tuple[datetime, float | None]],
    began: datetime,
    now: datetime,
    metric: Metric,
) -> bool:
    """Say whether a study's stopping conditions end it.

    `finals` holds the end and the final value (None: failed) of every trial that is done, in
    the order in which they ended. Conditions are looked at in the order of
    `StudyStoppingConfig`: the minima come first and keep the others from acting.
    """
    if stopping.min_runtime_s is not None and now < began + timedelta(
        seconds=stopping.min_runtime_s
    ):
        return False
    if stopping.min_runtime_until is not None and now < stopping.min_runtime_until:
        return False
    if stopping.min_trials is not None and len(finals) < stopping.min_trials:
        return False
    progress_at, since_progress = _progress(finals, began=began, metric=metric)
    return any(
        (
            stopping.max_runtime_s is not None
            and now >= began + timedelta(seconds=stopping.max_runtime_s),
            stopping.max_runtime_until is not None and now >= stopping.max_runtime_until,
            stopping.max_trials is not None and len(finals) >= stopping.max_trials,
            stopping.trials_no_progress is not None
            and since_progress >= stopping.trials_no_progress,
            stopping.no_progress_s is not None
            and now >= progress_at + timedelta(seconds=stopping.no_progress_s),
        )
    )


def moments(
    stopping: StudyStopping, *, began: datetime, ends: Sequence[datetime]
) -> Iterator[datetime]:
    """Yield when `is_over` may change its mind by the passing of time alone."""
    for limit_s in (stopping.min_runtime_s, stopping.max_runtime_s):
        if limit_s is not None:
            yield began + timedelta(seconds=limit_s)
    yield from filter(None, (stopping.min_runtime_until, stopping.max_runtime_until))
    if stopping.no_progress_s is not None:
        for since in (began, *ends):
            yield since + timedelta(seconds=stopping.no_progress_s)


def _progress(
    finals: Sequence[tuple[datetime, float | None]], *, began: datetime, metric: Metric
) -> tuple[datetime, int]:
    """Return when a trial was last better than all before it, and how many have ended since."""
    best: float | None = None
    at, since = began, 0
    for ended, value in finals:
        worth = None if value is None else value if metric.maximise else -value
        if worth is not None and (best is None or worth > best):
            best, at, since = worth, ended, 0
        else:
            since += 1
    return at, since


def _worth(metric: Metric, measurement: Measurement) -> float:
    value = measurement.metrics[metric.name]
    return value if metric.maximise else -value
