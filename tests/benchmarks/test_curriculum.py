"""`benchmarks/curriculum.py`: its short mode, going on, and what counts as met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mesosweep.domain.score import Score

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "curriculum.py"


@pytest.fixture
def curriculum(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("curriculum")


@pytest.mark.slow
def test_a_seed_goes_through_the_stages_asked_for_and_is_not_trained_again(
    curriculum: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["velociraptor", "--short", "--out", str(tmp_path), "--stages", "1"]
    curriculum.main(argv)
    first = (tmp_path / "velociraptor/seed1/stage1/0/metrics.json").read_bytes()
    told = capsys.readouterr().out
    assert "Broken" not in told
    assert f"{2_048:,}" in told

    curriculum.main([*argv, "2"])

    assert (tmp_path / "velociraptor/seed1/stage1/0/metrics.json").read_bytes() == first
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows if row[2:3] == ["2,048"]] == ["1", "2"]


def test_a_stage_without_the_one_before_it_is_told(
    curriculum: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["velociraptor", "--short", "--out", str(tmp_path), "--stages", "3"]

    assert curriculum.main(argv) == 1
    assert "seed 1, stage 3: stage 2 has left no checkpoint" in capsys.readouterr().out


def test_results_of_another_budget_are_not_taken_for_these(
    curriculum: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curriculum.settle(tmp_path / "velociraptor", "velociraptor", curriculum.Budget())

    assert curriculum.main(["velociraptor", "--short", "--out", str(tmp_path)]) == 2
    assert "another budget" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["velociraptr"], ["velociraptor", "--stages", "9"]])
def test_what_is_not_there_is_said_before_anything_is_written(
    curriculum: ModuleType, tmp_path: Path, argv: list[str]
) -> None:
    assert curriculum.main([*argv, "--out", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


def a_result(curriculum: ModuleType, stage: int, **measured: Any) -> Any:
    metrics = {"forward_velocity": 2.6, "alternation": 0.97, "hopping": 0.0}
    score = Score(100, 10.0, 1.0, 500.0, 1.0, success_rate=0.95, metrics=metrics)
    score = replace(score, metrics={**metrics, **measured.pop("metrics", {})})
    zero = Score(100, 1.0, 1.0, 100.0, measured.pop("zero", 0.1))
    score = replace(score, **measured)
    return curriculum.Result(1, stage, 1_000, 60.0, 6.0, score, zero)


@pytest.mark.parametrize(
    ("stage", "measured", "short"),
    [
        (1, {}, []),
        (1, {"full_length_rate": 0.94}, ["full length 0.94, not ≥ 0.95"]),
        (1, {"zero": 0.6}, ["zero action 0.6, not ≤ 0.5"]),
        (2, {}, []),
        (2, {"metrics": {"hopping": 0.2}}, ["hopping 0.2, not ≤ 0.05"]),
        (2, {"metrics": {"forward_velocity": 2.4}}, ["forward_velocity 2.4, not ≥ 2.5"]),
        (3, {}, []),
        (3, {"success_rate": 0.92}, ["success 0.92, not ≥ 0.93"]),
        (3, {"success_rate": None}, ["success was not measured"]),
    ],
)
def test_what_misses_a_threshold_is_told_by_how_much(
    curriculum: ModuleType, stage: int, measured: dict[str, Any], short: list[str]
) -> None:
    assert curriculum.missed("velociraptor", a_result(curriculum, stage, **measured)) == short


def test_the_table_shows_the_lower_bound_and_the_minutes(
    curriculum: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    results = [a_result(curriculum, stage) for stage in (1, 2, 3)]

    assert curriculum.table("velociraptor", results)

    told = capsys.readouterr().out
    assert "95% (0.90)" in told
    assert told.splitlines()[-1].split() == ["1", "3", "3.0", "3.3", "met"]


def test_a_species_of_ones_own_has_no_thresholds(
    curriculum: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert curriculum.table("dodo", [a_result(curriculum, 2)])
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "-"


def test_next_is_to_look_at_the_weakest_seed(curriculum: ModuleType) -> None:
    good = a_result(curriculum, 3)
    weak = replace(a_result(curriculum, 3, success_rate=0.5), seed=2)

    told = curriculum.next_command("velociraptor", [good, weak], Path("/out"))

    assert "pictures.py /out/seed2/stage3/0/models/best_model.zip" in told
