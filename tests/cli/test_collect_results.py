"""`mesosweep collect-results`, here and in a bucket."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesosweep.testing.clock import FakeClock
from mesosweep.testing.command import Mesosweep
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_pages_command_writes_a_table_into_the_folder(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=3))

    said = mesosweep(
        "collect-results", str(root), "--species", "velociraptor", "--algorithm", "ppo"
    )

    assert said.code == 0
    assert said.out.splitlines()[-1] == str(root / "collected_results.csv")
    assert len(table(root / "collected_results.csv")) == 9
    assert "stage 2 locomotion" in said.out


def test_several_stages_are_named_after_one_option(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=2))

    said = mesosweep("collect-results", str(root), "--stages", "1", "2", "--csv", "out/two.csv")

    assert said.code == 0
    assert {row["stage"] for row in table(here / "out" / "two.csv")} == {"1", "2"}


def test_stages_that_are_not_there_are_named(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=1))

    said = mesosweep("collect-results", str(root), "--stages", "2", "5", "6")

    assert said.code == 0
    assert "there is no trial of stages 5, 6. Collected: stage 2." in said.err
    assert {row["stage"] for row in table(root / "collected_results.csv")} == {"2"}


def test_seeds_of_a_production_run_are_told_by_their_seed(mesosweep: Mesosweep, here: Path) -> None:
    for seed in (1, 2):
        folder = here / f"train/moa/ppo/seed{seed}/stage1/1"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text('{"best_mean_reward": 5.0}')

    said = mesosweep("collect-results", "train/moa/ppo")

    assert said.code == 0
    rows = table(here / "train/moa/ppo/collected_results.csv")
    assert [(row["run_seed"], row["trial_id"]) for row in rows] == [("1", "1"), ("2", "1")]


def test_plots_lie_beside_the_table(mesosweep: Mesosweep, here: Path) -> None:
    pytest.importorskip("matplotlib")
    root = make_up_sweep(here, MadeUp(trials=2))

    said = mesosweep("collect-results", str(root), "--plot", "--csv", "out/all.csv")

    assert said.code == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "all.csv",
        "sweep_hyperparameter_analysis.png",
        "sweep_trial_metrics.png",
    ]


def test_a_table_is_not_printed_into_a_file_called_dash(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=1))

    said = mesosweep("collect-results", str(root), "--csv", "-")

    assert said.code == 2
    assert "--csv -: the table is a file" in said.error
    assert not (here / "-").exists()


def test_a_damaged_trial_is_no_reason_to_stop(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=2))
    (root / "stage1" / "1" / "metrics.json").write_text('{"trial_id": "1", "best')

    said = mesosweep("collect-results", str(root))

    assert said.code == 0
    assert "1 unreadable: metrics.json cannot be read" in said.out


def test_a_folder_without_trials_is_a_mistake_of_the_user(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep("collect-results", str(here))

    assert said.code == 2
    assert "stage<N>" in said.error


class TestInABucket:
    @pytest.fixture
    def bucket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """Return the folder behind a served bucket."""
        pytest.importorskip("google.cloud.storage")
        from mesosweep.rehearsal.storage import LocalStorage

        with LocalStorage(tmp_path / "cloud", clock=FakeClock()) as served:
            served.make_bucket("mine")
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.address)
            yield served.root / "mine"

    def test_the_table_is_written_where_the_trials_lie(
        self, mesosweep: Mesosweep, bucket: Path
    ) -> None:
        made = make_up_sweep(bucket.parent.parent / "made", MadeUp(trials=2))
        shutil.copytree(made, bucket / "sweeps" / "velociraptor" / "ppo")

        said = mesosweep("collect-results", "gs://mine/sweeps/velociraptor")

        assert said.code == 0
        where = "gs://mine/sweeps/velociraptor/collected_results.csv"
        assert said.out.splitlines()[-1] == where
        rows = table(bucket / "sweeps" / "velociraptor" / "collected_results.csv")
        assert {(row["species"], row["algorithm"]) for row in rows} == {("velociraptor", "ppo")}
        assert len(rows) == 6
        assert rows[0]["reward_threshold"] == "500.0"

    def test_a_table_here_is_not_carried_there(
        self, mesosweep: Mesosweep, bucket: Path, here: Path
    ) -> None:
        made = make_up_sweep(bucket.parent.parent / "made", MadeUp(trials=1))
        shutil.copytree(made, bucket / "sweeps" / "velociraptor" / "ppo")

        said = mesosweep("collect-results", "gs://mine/sweeps/velociraptor", "--csv", "mine.csv")

        assert said.code == 0
        assert len(table(here / "mine.csv")) == 3
        assert not (bucket / "sweeps" / "velociraptor" / "collected_results.csv").exists()

    def test_a_table_in_another_bucket_is_refused(self, mesosweep: Mesosweep, bucket: Path) -> None:
        made = make_up_sweep(bucket.parent.parent / "made", MadeUp(trials=1))
        shutil.copytree(made, bucket / "sweeps" / "velociraptor" / "ppo")

        said = mesosweep("collect-results", "gs://mine/sweeps", "--csv", "gs://other/x.csv")

        assert said.code == 2
        assert "gs://other/x.csv" in said.error
