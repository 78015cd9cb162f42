"""What is read of the file into which cloudml-hypertune writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from mesosweep.rehearsal.reports import Reports

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def line(step: int, value: object, *, metric: str = "reward", after_s: float = 1.0) -> str:
    entry = {
        metric: str(value),
        "checkpoint_path": "",
        "global_step": str(step),
        "timestamp": BEGAN.timestamp() + after_s,
        "trial": "1",
    }
    return json.dumps(entry) + "\n"


def read(*texts: str) -> list[tuple[int, dict[str, float]]]:
    reports = Reports(("reward", "length"), BEGAN)
    for text in texts:
        reports.read(text)
    return [(m.step, dict(m.metrics)) for m in reports.all()]


def test_measurements_come_in_order_of_steps() -> None:
    assert read(line(20, 2.0) + line(10, 1.0)) == [(10, {"reward": 1.0}), (20, {"reward": 2.0})]


def test_what_the_file_forgets_is_kept() -> None:
    assert [step for step, _ in read(line(1, 1.0) + line(2, 2.0), line(3, 3.0), "")] == [1, 2, 3]


def test_two_metrics_of_a_step_are_one_measurement() -> None:
    text = line(1, 1.0) + line(1, 50, metric="length") + line(1, 7, metric="of another")

    assert read(text) == [(1, {"reward": 1.0, "length": 50.0})]


def test_a_torn_line_is_passed_over_until_it_is_whole() -> None:
    torn = line(2, 2.0)[:20]

    assert [step for step, _ in read(line(1, 1.0) + torn)] == [1]
    assert [step for step, _ in read(line(1, 1.0) + torn, line(1, 1.0) + line(2, 2.0))] == [1, 2]


def test_what_is_not_finite_is_no_measurement() -> None:
    assert read(line(1, "nan") + line(2, "inf") + line(3, "word")) == []


def test_time_counts_from_the_first_start() -> None:
    reports = Reports(("reward",), BEGAN)
    reports.read(line(1, 1.0, after_s=12.5))

    assert [m.elapsed_s for m in reports.all()] == [12.5]
