"""What is said of a stopping rule follows from its runs."""

from __future__ import annotations

import csv
import importlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from rich.console import Console


@pytest.fixture
def stopping(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("stopping")


@pytest.fixture
def recorded(stopping: ModuleType) -> ModuleType:
    # It is found once the script has said where its neighbours are.
    return importlib.import_module("benchmarks.recorded")


@pytest.fixture
def tables(stopping: ModuleType) -> ModuleType:  # it says where its neighbours are
    return importlib.import_module("benchmarks.tables")


@pytest.fixture
def verdicts(stopping: ModuleType) -> ModuleType:
    return importlib.import_module("benchmarks.verdicts")


def test_every_table_counts_alike_however_often_it_was_repeated(tables: ModuleType) -> None:
    assert tables.interval([("a", 0.0)] * 9 + [("b", 1.0)]) == (0.5, 0.5, 0.5)


def test_an_interval_holds_the_mean_and_widens_with_the_noise(tables: ModuleType) -> None:
    def spread(noise: float) -> tuple[float, float, float]:
        found: tuple[float, float, float] = tables.interval(
            ("a", noise * (-1) ** seed) for seed in range(10)
        )
        return found

    mean, low, high = spread(1.0)

    assert low < mean == 0.0 < high
    assert high - low > spread(0.1)[2] - spread(0.1)[1] > 0


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (-0.01, 0.03, "yes"),
        (-0.019, -0.001, "yes"),
        (-0.3, -0.03, "no"),
        (-0.03, 0.03, "cannot tell"),
        (-0.03, -0.01, "cannot tell"),
    ],
)
def test_a_winner_is_as_good_only_if_the_interval_says_so(
    verdicts: ModuleType, low: float, high: float, told: str
) -> None:
    assert verdicts.as_good(low, high) == told


def test_every_table_has_its_row(verdicts: ModuleType) -> None:
    runs = [
        verdicts.Run("seeds", table, seed, 20, "median", 10, 0.4, 3, lost, 0.9, gained, None)
        for table, gained in (("car", -0.5), ("kc1", 0.25))
        for seed, lost in enumerate((True, False))
    ]
    told = io.StringIO()

    Console(width=140, file=told).print(verdicts.by_table(runs))

    rows = [line for line in told.getvalue().splitlines() if "40%" in line]
    assert ["car" in rows[0], "1 of 2" in rows[0], "-0.500" in rows[0]] == [True] * 3
    assert ["kc1" in rows[1], "+0.250" in rows[1], len(rows) == 2] == [True] * 3


def archive(folder: Path, learners: int, *, gives_up: str = "") -> Path:
    """Write a small database: one data set, ten splits, a score that rises with the examples."""
    told = io.StringIO()
    columns = "openmlid,learner,size_train,size_test,outer_seed,inner_seed,traintime,score_train,score_valid,score_test"
    rows = csv.writer(told)
    rows.writerow(columns.split(","))
    for split in range(10):
        for number in range(learners):
            for size in (512, 1024, 2896):
                if not (f"learner{number}" == gives_up and size == 2896):
                    score = number / 100 + size / 10_000
                    rows.writerow(
                        [44, f"learner{number}", size, 99, 0, split, 1.0, 1, score, score + 0.1]
                    )
    path = folder / "lcdb-0.1.0.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        data = told.getvalue().encode()
        info = tarfile.TarInfo("lcdb-0.1.0/lcdb/database-accuracy.csv")
        info.size = len(data)
        opened.addfile(info, io.BytesIO(data))
    return path


def test_curves_are_read_from_the_databases_archive(recorded: ModuleType, tmp_path: Path) -> None:
    ((name, splits),) = recorded.learning_curves(archive(tmp_path, 18, gives_up="learner17"))

    record = recorded.of_curves(name, splits)

    assert (record.name, record.steps) == ("OpenML 44", [512, 1024, 2896])
    assert len(record.space["learner"].values) == 17
    best, middle = 0.16 + 0.2896 + 0.1, 0.08 + 0.2896 + 0.1
    assert (record.worth(best), record.worth(middle)) == (pytest.approx(1), pytest.approx(0))


def test_a_sweep_under_a_rule_stands_beside_the_same_sweep_without(
    stopping: ModuleType, recorded: ModuleType, tmp_path: Path
) -> None:
    record = recorded.of_curves(*next(recorded.learning_curves(archive(tmp_path, 18))))

    runs = stopping.swept(record, 20, repeats=2, sampler="random")

    assert {run.rule for run in runs} == {*stopping.OURS, *stopping.OPTUNAS}
    assert [run.seed for run in runs] == [0, 1] * 5
    # Curves that never cross: nothing is lost but steps.
    ours = [run for run in runs if run.rule in stopping.OURS]
    assert all(run.saved > 0 and not run.best_lost and run.spent is not None for run in ours)


def test_a_data_set_with_few_learners_is_left_out(recorded: ModuleType, tmp_path: Path) -> None:
    assert not list(recorded.learning_curves(archive(tmp_path, 9)))


def test_a_trial_on_a_table_of_seeds_tells_the_mean_so_far(
    recorded: ModuleType, tables: ModuleType
) -> None:
    choices = {"width": [16, 25]}
    table = tables.Table(
        "made up",
        tables.space_of(choices),
        choices,
        scores={"0": [1.0, 2.0, 6.0], "1": [0.0, 1.0]},
        hours={"0": [1.0, 1.0, 1.0], "1": [2.0, 2.0]},
        means={"0": 3.0, "1": 0.5},
        ordered=[0.5, 3.0],
    )
    record = recorded.of_seeds(table)
    train = record.train(0)

    told = train(SimpleNamespace(trial_id="1", assignment={"width": 16}))
    short = train(SimpleNamespace(trial_id="2", assignment={"width": 25}))

    assert [evaluation.step for evaluation in told.curve] == [1, 2, 3]
    assert told.curve[0].score.mean_reward in (1.0, 2.0, 6.0)
    assert told.curve[2].score.mean_reward == told.panel == told.verified == 3.0
    assert (len(short.curve), short.times[-1], short.verified) == (3, 6.0, 0.5)
    assert (record.worth(3.0), record.worth(1.75)) == (1.0, 0.0)
