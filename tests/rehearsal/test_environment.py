"""What a trial's process is given."""

from __future__ import annotations

import json
from dataclasses import replace

from mesosweep.rehearsal.environment import argv_of, environment_of
from mesosweep.rehearsal.orders import Chosen, Container
from mesosweep.rehearsal.samples import a_run
from mesosweep.rehearsal.undocumented import BELIEVED

CHOSEN: Chosen = {"rate": 3e-05, "size": 64.0, "word": "relu"}
TRAIN = Container("image", ("train",), ("--stage=1",))


def test_searched_parameters_follow_the_jobs_own_arguments() -> None:
    argv = argv_of(TRAIN, CHOSEN, entry_point=("e",), undocumented=BELIEVED)

    assert argv == ("train", "--stage=1", "--rate=3e-05", "--size=64.0", "--word=relu")


def test_both_spellings_of_arguments_and_of_numbers_can_be_had() -> None:
    otherwise = replace(BELIEVED, arguments="--name value", numbers="64")

    argv = argv_of(TRAIN, CHOSEN, entry_point=("e",), undocumented=otherwise)

    assert argv[2:] == ("--rate", "3e-05", "--size", "64", "--word", "relu")


def test_a_container_without_a_command_runs_its_entry_point() -> None:
    container = Container("image", args=("trial",))

    argv = argv_of(container, {}, entry_point=("python", "-m", "x"), undocumented=BELIEVED)

    assert argv == ("python", "-m", "x", "trial")


def test_a_trial_is_told_who_it_is_and_where_its_files_belong() -> None:
    env = environment_of(a_run(), run_id="77", trial_id="3")

    assert env["COLOUR"] == "red"
    assert (env["CLOUD_ML_JOB_ID"], env["CLOUD_ML_TRIAL_ID"]) == ("77", "3")
    assert env["AIP_MODEL_DIR"] == "gs://bucket/sweep/3/model/"
    assert env["AIP_CHECKPOINT_DIR"] == "gs://bucket/sweep/3/checkpoints/"
    assert env["AIP_TENSORBOARD_LOG_DIR"] == "gs://bucket/sweep/3/logs/"
    for name in ("CLUSTER_SPEC", "TF_CONFIG"):
        assert json.loads(env[name])["task"]["trial"] == "3"


def test_a_custom_job_has_no_trial() -> None:
    env = environment_of(a_run(), run_id="77")

    assert env["AIP_MODEL_DIR"] == "gs://bucket/sweep/model/"
    assert "CLOUD_ML_TRIAL_ID" not in env
    assert "trial" not in json.loads(env["CLUSTER_SPEC"])["task"]


def test_without_an_output_directory_none_is_named() -> None:
    env = environment_of(a_run(base_output=None), run_id="77", trial_id="3")

    assert not [name for name in env if name.startswith("AIP_")]
