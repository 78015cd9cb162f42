"""Learning curves are read once per evaluation, whatever else the file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesosweep.records.progress import all_evaluations
from mesosweep.report.page.curves import POINTS, Point, read_curve, thinned
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


def evaluation(step: int, reward: float | None) -> dict[str, Any]:
    score: dict[str, Any] = {
        "episodes": 10,
        "mean_reward": reward,
        "std_reward": 1.0,
        "mean_length": 5.0,
        "full_length_rate": 0.0,
        "success_rate": None,
        "metrics": {},
    }
    return {"step": step, "score": score}


def write(path: Path, *evaluations: object) -> Path:
    lines = [{"step": n, "pid": 1, "last_evaluation": told} for n, told in enumerate(evaluations)]
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return path


def test_each_evaluation_is_one_point_however_often_it_is_repeated(tmp_path: Path) -> None:
    first, second = evaluation(100, 1.0), evaluation(200, 2.0)
    path = write(tmp_path / "p", None, first, first, first, second, second)

    assert read_curve(path) == (Point(100, 1.0), Point(200, 2.0))


def test_it_reads_what_the_records_read(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=1))
    path = root / "stage1" / "0" / "progress.jsonl"

    known = [Point(e.step, e.score.mean_reward) for e in all_evaluations(path)]

    assert list(read_curve(path)) == known
    assert len(known) == 20


def test_torn_lines_and_numbers_that_are_none_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "p", evaluation(100, 1.0), evaluation(200, None), {"step": 300})
    with path.open("a") as file:
        file.write('{"step":9,"last_evaluation":{"step":400,"score":{"epi')

    assert read_curve(path) == (Point(100, 1.0),)


def test_no_file_is_no_curve(tmp_path: Path) -> None:
    assert read_curve(tmp_path / "nowhere") == ()


def test_a_long_curve_keeps_its_ends_and_its_best() -> None:
    curve = [Point(step, -abs(step - 777.0)) for step in range(2_000)]

    kept = thinned(curve)

    assert len(kept) <= POINTS
    assert {kept[0].step, kept[-1].step} == {0, 1_999}
    assert Point(777, 0.0) in kept
    assert [point.step for point in kept] == sorted(point.step for point in kept)
