"""What the supervisor says to a worker is what the worker understands."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.errors import UsageError
from mesosweep.domain.study import TrialSettings, trial_arguments
from mesosweep.domain.trial import Checkpoint
from mesosweep.plugins import Registry
from mesosweep.settings.flags import Flags
from mesosweep.testing.backend import a_study
from mesosweep.worker.request import TrialRequest, parse_request

MINIMAL = ("trial", "--species=counting", "--algorithm=count", "--stage=1")


def parsed(*argv: str, trial_id: str | None = None) -> TrialRequest:
    environ = {} if trial_id is None else {"CLOUD_ML_TRIAL_ID": trial_id}
    return parse_request(argv, registry=Registry(), environ=environ)


def test_every_part_of_a_study_arrives() -> None:
    study = a_study(
        stage=2,
        settings=TrialSettings(
            timesteps=7,
            n_envs=3,
            eval_freq=5,
            eval_episodes=2,
            panel_episodes=4,
            save_freq=6,
            seed=9,
        ),
        attempt=1,
        load=Checkpoint("stage1/1/models/best_model.zip", "best", "1"),
        stage_dir="my stages",
        trust=True,
        trackers=("wandb",),
        overrides=("env.noise=0.5", "count.stride=3"),
        fixed={"count_net_arch": "large"},
        device="cuda",
        passes=3,
        handoff="final",
    )

    request = parsed(
        *trial_arguments(study, {"count_gain": 0.1}), "--output-dir=out", trial_id="12"
    )

    assert request == TrialRequest(
        species="counting",
        algorithm="count",
        stage=2,
        timesteps=7,
        n_envs=3,
        eval_freq=5,
        eval_episodes=2,
        panel_episodes=4,
        save_freq=6,
        seed=9,
        attempt=1,
        device="cuda",
        passes=3,
        handoff="final",
        load="stage1/1/models/best_model.zip",
        stage_dir=Path("my stages"),
        trust=True,
        trackers=("wandb",),
        overrides=("env.noise=0.5", "count.stride=3"),
        injected={"count_net_arch": "large", "count_gain": "0.1"},
        output_dir=Path("out"),
        trial_id="12",
    )
    assert request.folder == Path("out/12")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_arrives_exactly(value: float) -> None:
    request = parsed(*trial_arguments(a_study(), {"count_gain": value}))

    assert float(request.injected["count_gain"]) == value


def test_a_worker_goes_by_its_order_alone() -> None:
    order = trial_arguments(a_study(), {"count_gain": 0.1})
    variables = {f"MESOSWEEP_{field.name.upper()}": "7" for field in fields(Flags)}
    variables |= {f"MESOSWEEP_{name.upper()}_STAGE1": "7" for name in ("timesteps", "trials")}

    assert parse_request(order, registry=Registry(), environ=variables) == parsed(*order)


def test_by_hand_a_trial_is_called_local() -> None:
    assert parsed(*MINIMAL).folder == Path("trials/local")


def test_each_trial_has_a_seed_of_its_own() -> None:
    seeds = {parsed(*MINIMAL, trial_id=str(n)).training_seed for n in range(20)}
    seeds |= {parsed(*MINIMAL, "--attempt=1", trial_id=str(n)).training_seed for n in range(20)}

    assert len(seeds) == 40


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (("trial", "--species=counting"), "required: --algorithm, --stage"),
        ((*MINIMAL, "--timesteps=many"), "--timesteps: invalid"),
        ((*MINIMAL, "--timesteps=0"), "must be at least 1"),
        ((*MINIMAL, "--colour=red"), "unrecognized arguments: --colour=red"),
        ((*MINIMAL, "--count_gain"), "--count_gain: needs a value"),
    ],
)
def test_what_makes_no_sense_is_said(argv: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parsed(*argv)


@pytest.mark.parametrize("said", ["/gcs/b/sweeps/stage1", "gs://b/sweeps/stage1/"])
def test_a_folder_in_a_bucket_is_called_as_a_container_sees_it(said: str) -> None:
    request = parsed(*MINIMAL, f"--output-dir={said}", trial_id="3")

    assert request.is_in_bucket
    assert request.folder == Path("/gcs/b/sweeps/stage1/3")


def test_a_folder_of_this_machine_is_in_no_bucket() -> None:
    assert not parsed(*MINIMAL, "--output-dir=out").is_in_bucket


@pytest.mark.parametrize("said", ["gs://b/my stages", "/gcs/b/my stages"])
def test_stage_files_may_lie_in_a_bucket(said: str) -> None:
    assert parsed(*MINIMAL, f"--stage-dir={said}").stage_dir == Path("/gcs/b/my stages")


@pytest.mark.parametrize(
    ("place", "trial_id", "folder"),
    [
        ("gs://b/sweeps/stage1/3/model/", "3", "/gcs/b/sweeps/stage1/3"),
        ("gs://b/mine/model/", None, "/gcs/b/mine/local"),
    ],
)
def test_in_a_job_of_ones_own_the_service_says_where_to_write(
    place: str, trial_id: str | None, folder: str
) -> None:
    environ = {"AIP_MODEL_DIR": place} | ({"CLOUD_ML_TRIAL_ID": trial_id} if trial_id else {})

    request = parse_request(MINIMAL, registry=Registry(), environ=environ)
    told = parse_request((*MINIMAL, "--output-dir=x"), registry=Registry(), environ=environ)

    assert request.folder == Path(folder)
    assert told.output_dir == Path("x")


def test_the_document_of_its_study_arrives() -> None:
    assert parsed(*MINIMAL, "--study=gs://b/stage1/study.json").study == "gs://b/stage1/study.json"
