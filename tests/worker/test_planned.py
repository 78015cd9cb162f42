"""A worker trains what was planned, or says in one line why it cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesosweep import __version__
from mesosweep.domain.errors import SettingsError, StateDamaged
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.plugins import Registry
from mesosweep.records.study_file import Installed, StudyFile, study_file, written
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_sweep
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import run_trial


@pytest.fixture
def plan() -> SweepPlan:
    flags = Flags(
        species="counting",
        algorithm="count",
        trials=2,
        timesteps=100,
        overrides=("env.noise=0.5", "count.stride=5", "2.env.horizon=3"),
    )
    return plan_sweep(flags, registry=Registry(), environ={}, cores=1)


@pytest.fixture
def request_(study: Study, file: StudyFile, tmp_path: Path) -> TrialRequest:
    keep(tmp_path, file)
    return TrialRequest(
        species="counting",
        algorithm="count",
        stage=1,
        timesteps=100,
        eval_freq=50,
        overrides=study.overrides,
        injected=dict.fromkeys(study.space, "0.8"),
        study=str(tmp_path / "study.json"),
        output_dir=tmp_path / "stage1",
        trial_id="3",
    )


def keep(folder: Path, file: StudyFile) -> None:
    (folder / "study.json").write_text(written(file))


def refusal(request: TrialRequest) -> str:
    """Return why a request is refused: in one line, with nothing written."""
    with pytest.raises(SettingsError) as caught:
        run_trial(request)
    assert not request.folder.exists()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_was_planned_is_trained(request_: TrialRequest) -> None:
    assert run_trial(request_).status == "finished"


def test_the_stage_is_the_same_whoever_resolves_it(plan: SweepPlan, tmp_path: Path) -> None:
    for stage in plan.stages:
        study = plan.study(stage, attempt=0, load=None, fixed={})
        keep(tmp_path, study_file(study, plan, core=__version__, attempt=0))
        asked = TrialRequest(
            species="counting",
            algorithm="count",
            stage=stage.number,
            timesteps=10,
            overrides=study.overrides,
            injected=dict.fromkeys(study.space, "0.5"),
            study=str(tmp_path / "study.json"),
            output_dir=tmp_path / str(stage.number),
        )

        assert run_trial(asked, stop=lambda: True).status == "running"


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        ({"core": "0.0.1"}, f"planned with mesosweep 0.0.1, this image has {__version__}"),
        ({"species": "9.9"}, "planned with counting 9.9, this image has"),
        ({"species_code": "abcdef"}, "its files have digest abcdef, here "),
    ],
)
def test_another_version_is_told_before_anything_else(
    request_: TrialRequest, file: StudyFile, tmp_path: Path, installed: dict[str, Any], told: str
) -> None:
    keep(tmp_path, replace(file, installed=replace(file.installed, **installed)))

    # Here the parameter is unknown, too, which alone would tell the user nothing.
    said = refusal(replace(request_, injected={**request_.injected, "count_gian": "1"}))

    assert told in said
    assert "study.json: this trial is not what was planned: " in said


def test_a_parameter_that_did_not_arrive_is_named(request_: TrialRequest) -> None:
    assert "--count_gain did not arrive" in refusal(replace(request_, injected={}))


def test_a_parameter_that_nobody_declared_is_named(request_: TrialRequest) -> None:
    said = refusal(replace(request_, injected={**request_.injected, "count_seconds": "0"}))

    assert "--count_seconds is no parameter of the study." in said


def test_a_stage_that_is_another_here_is_told_by_what_differs(request_: TrialRequest) -> None:
    said = refusal(replace(request_, overrides=("env.noise=0.25", "count.stride=5")))

    assert "stage1 → env.noise: 0.5 → 0.25 (planned → here)" in said


def test_the_document_of_another_study_is_told(
    request_: TrialRequest, file: StudyFile, tmp_path: Path
) -> None:
    keep(tmp_path, replace(file, stage=2, attempt=4))

    said = refusal(request_)

    assert "it is of stage 2, this trial of 1; it is of attempt 4, this trial of 0" in said


def test_a_document_that_is_not_there_is_told(request_: TrialRequest, tmp_path: Path) -> None:
    (tmp_path / "study.json").unlink()

    assert "study.json: there is no such document" in refusal(request_)


def test_a_document_that_cannot_be_believed_is_told(request_: TrialRequest, tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{")

    with pytest.raises(StateDamaged, match=r"study\.json: cannot be believed"):
        run_trial(request_)


def test_what_is_installed_is_what_a_plan_is_made_with(file: StudyFile) -> None:
    assert isinstance(file.installed, Installed)
    assert "?" not in (file.installed.species, file.installed.species_code)
