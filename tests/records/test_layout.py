"""The names on disk that scripts depend on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.domain.errors import StoreError
from mesosweep.records.layout import (
    TrialFolder,
    manifest_of,
    stage_and_attempt,
    stage_folder,
    sweep_folder,
)
from mesosweep.records.stage_config import StageConfig, read_stage_config, write_stage_config
from mesosweep.testing.backend import a_study


def test_a_sweep_lies_under_its_species_and_algorithm() -> None:
    assert sweep_folder(Path("out"), species="trex", algorithm="sac") == Path("out/sweeps/trex/sac")


@pytest.mark.parametrize(
    ("stage", "attempt", "name"), [(1, 0, "stage1"), (3, 0, "stage3"), (2, 4, "stage2_a4")]
)
def test_the_first_attempt_has_the_plain_name(stage: int, attempt: int, name: str) -> None:
    folder = stage_folder(Path("s"), stage=stage, attempt=attempt)

    assert folder == Path("s") / name
    assert stage_and_attempt(name) == (stage, attempt)


@pytest.mark.parametrize("name", ["stage", "stagex", "stage1_b2", "models", "stage1_a"])
def test_another_folder_is_no_stage(name: str) -> None:
    assert stage_and_attempt(name) is None


def test_a_trials_files() -> None:
    folder = TrialFolder(Path("t"))

    assert folder.metrics == Path("t/metrics.json")
    assert folder.stage_config == Path("t/stage_config.json")
    assert folder.progress == Path("t/progress.jsonl")
    assert folder.log == Path("t/worker.log")
    assert folder.best == Path("t/models/best_model.zip")
    assert folder.final(2) == Path("t/models/stage2_final.zip")
    assert folder.bundle("best", stage=2) == folder.best
    assert folder.bundle("final", stage=2) == folder.final(2)
    assert folder.checkpoints == Path("t/checkpoint")
    assert manifest_of(folder.best) == Path("t/models/best_model.manifest.json")


def test_what_a_trial_ran_with_comes_back(tmp_path: Path) -> None:
    config = StageConfig(
        species="trex",
        stage=1,
        name="balance",
        algorithm="ppo",
        reward_weights={"alive_bonus": 1.5},
        reference={"alive_bonus": 1.0},
        hyperparameters={"gamma": 0.99, "net_arch": [64, 64]},
        curriculum={},
        run={"seed": 7, "n_envs": 4, "timesteps": 1000},
        versions={"torch": "2.13"},
    )

    write_stage_config(tmp_path / "stage_config.json", config)

    assert read_stage_config(tmp_path / "stage_config.json") == config


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_damaged_one_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "stage_config.json").write_text(text)

    with pytest.raises(StoreError, match=r"stage_config\.json"):
        read_stage_config(tmp_path / "stage_config.json")


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("attempt", [0, 1, 12])
def test_a_study_calls_the_folder_of_each_job_as_the_layout_does(first: int, attempt: int) -> None:
    own = stage_folder(Path("sweep"), stage=3, attempt=first)
    study = a_study(stage=3, attempt=first, folder=str(own))

    folder = study.folder_of(attempt)

    assert folder == str(stage_folder(Path("sweep"), stage=3, attempt=attempt))
    assert stage_and_attempt(Path(folder).name) == (3, attempt)
