"""Commands over the whole cloud path: Google's clients, a rehearsed cloud, real trials that count."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")

from mesosweep.cli.app import run
from mesosweep.cli.checks import Check
from mesosweep.cli.cloud_checks import Asked, cloud_checks
from mesosweep.cli.faults import guarded
from mesosweep.cli.rehearsing import Rehearsal
from mesosweep.rehearsal.faults import CallFault, FaultScript
from mesosweep.rehearsal.processes import ProcessRunner
from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.runs import Pace
from mesosweep.rehearsal.serving import LocalJobs
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageScript
from mesosweep.rehearsal.undocumented import BELIEVED, Undocumented
from mesosweep.settings.flags import Flags
from mesosweep.testing.command import Mesosweep, Said

pytestmark = pytest.mark.slow

HURRY = 100.0
COUNTING = (
    *("--species", "counting", "--algorithm", "count"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
    *("--parallel", "2", "--no-check"),
)
CLOUD = ("--project", "my-project", "--bucket", "a-bucket", "--image", "host/repo/trainer:1")
ROOT = "a-bucket/sweeps/counting/count"


class Runner(ProcessRunner):
    """Runs containers as processes; a test may change their words first."""

    change: Callable[[Launch], Launch] = staticmethod(lambda launch: launch)

    def start(self, launch: Launch, *, now: datetime) -> None:
        super().start(self.change(launch), now=now)


class Cloud:
    """A cloud in threads of this process."""

    def __init__(self, folder: Path, undocumented: Undocumented = BELIEVED) -> None:
        self.storage = LocalStorage(folder / "buckets")
        self.storage.start()
        self.storage.make_bucket("a-bucket")
        self.runner = Runner(
            folder / "jobs",
            env={
                "MESOSWEEP_GCS_ROOT": str(self.storage.root),
                "STORAGE_EMULATOR_HOST": self.storage.address,
            },
        )
        self.jobs = LocalJobs(
            self.runner,
            pace=Pace(),
            project="my-project",
            undocumented=undocumented,
            rest_port=0,
        )

    @property
    def sweep(self) -> Path:
        return self.storage.root / ROOT

    def ledger(self) -> list[dict[str, Any]]:
        files = sorted((self.sweep / "_ledger").glob("*.json"))
        return [json.loads(file.read_text()) for file in files]

    def breaks(self, *calls: CallFault, **others: Any) -> None:
        self.jobs.faults.script = FaultScript(calls=calls, **others)

    def close(self) -> None:
        self.jobs.close()
        self.storage.close()


@pytest.fixture
def cloud(
    tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Cloud]:
    """Open a cloud; a test may say by a parameter what it does where no page says so."""
    (tmp_path / "cloud" / "buckets").mkdir(parents=True)
    opened = Cloud(tmp_path / "cloud", getattr(request, "param", BELIEVED))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", opened.storage.address)
    monkeypatch.setenv("MESOSWEEP_VERTEX_ENDPOINT", opened.jobs.endpoint)
    monkeypatch.setenv("MESOSWEEP_QUOTA_ENDPOINT", str(opened.jobs.rest_endpoint))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def heeding_ctrl_c() -> Iterator[None]:
    """Heed it even where a shell began these tests in the background, which ignores it for good."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def quick(cloud: Cloud, here: Path, capfd: pytest.CaptureFixture[str]) -> Mesosweep:
    """Return `mesosweep(*words)` with short waits, as in a rehearsal."""

    def command(*words: str) -> Said:
        capfd.readouterr()
        rehearsal = Rehearsal(here, HURRY, ("rehearse",))
        code = guarded(lambda: run(words, rehearsal=rehearsal))
        told = capfd.readouterr()
        return Said(code, told.out, told.err)

    return command


def test_a_sweep_in_the_cloud_leaves_what_the_table_of_names_says(
    quick: Mesosweep, cloud: Cloud, here: Path
) -> None:
    cloud.breaks(CallFault("CreateHyperparameterTuningJob", lost_reply=True, call=1))

    said = quick("run-all", *COUNTING, *CLOUD, "--trials", "2")

    assert said.code == 0, said.err
    assert "found again as projects/" in said.err
    assert "gs://a-bucket/sweeps/counting/count/stage3/" in said.out
    assert "collect-results gs://a-bucket/sweeps/counting/count" in said.out
    for stage in ("stage1", "stage2", "stage3"):
        assert (cloud.sweep / stage / "study.json").is_file()
        assert {path.parent.name for path in (cloud.sweep / stage).glob("*/metrics.json")} == {
            "1",
            "2",
        }
    (verified,) = (cloud.sweep / "stage1").glob("*/verified.json")
    assert json.loads((verified.parent / "metrics.json").read_text())["test_mean_reward"]
    assert (here / "sweeps/counting/count/sweep_state_counting_count.json").is_file()
    entries = cloud.ledger()
    assert [entry["stage"] for entry in entries] == [1, 2, 3]
    assert all(entry["is_over"] and entry["machine_s"] > 0 for entry in entries)

    again = quick("run-all", *COUNTING, *CLOUD, "--trials", "2")

    assert again.code == 0
    assert len(cloud.ledger()) == 3
    assert "finished in an earlier run" in again.err

    shown = quick("status", "gs://a-bucket")
    told = json.loads(quick("status", "gs://a-bucket", "--json").out)
    assert "verified (95 %)" in shown.out
    assert [stage["winner"]["trial_id"] for stage in told["stages"]]


def test_launch_submits_and_returns_and_is_followed_up(quick: Mesosweep, cloud: Cloud) -> None:
    words = ("launch", *COUNTING, *CLOUD, "--trials", "2", "--override", "count.seconds=3")

    sent = quick(*words)
    running = quick("jobs", "list", "--project", "my-project")
    shown = quick("status", "gs://a-bucket/sweeps/counting")
    followed = quick(*words, "--wait")

    assert sent.code == 0, sent.err
    name, *_ = sent.out.splitlines()
    assert name.startswith("projects/")
    assert "launch" in sent.out
    assert "--wait" in sent.out
    assert name in running.out
    assert "0 of 1 stage" in shown.out
    assert followed.code == 0, followed.err
    assert "winner is trial" in followed.err
    assert len(cloud.ledger()) == 1


def test_one_signal_leaves_the_job_and_the_same_command_finds_it(
    quick: Mesosweep, cloud: Cloud
) -> None:
    words = ("launch", *COUNTING, *CLOUD, "--trials", "2", "--wait")
    slow = (*words, "--override", "count.seconds=3")
    when = _once((cloud.sweep / "stage1/1/progress.jsonl").exists, _interrupt)

    left = quick(*slow)
    when.join()
    again = quick(*slow)

    assert left.code == 130
    assert "The job goes on: projects/" in left.err
    assert "jobs cancel projects/" in left.err
    assert again.code == 0, again.err
    assert "found again" in again.err
    assert len(cloud.ledger()) == 1


def test_a_second_signal_cancels_the_job_and_waits_until_it_has_ended(
    quick: Mesosweep, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesosweep.cli.cloud.CloudSite.is_told_again", lambda self: True)
    when = _once((cloud.sweep / "stage1/1/progress.jsonl").exists, _interrupt)

    said = quick(
        *("launch", *COUNTING, *CLOUD, "--trials", "2", "--wait"),
        *("--override", "count.seconds=60"),
    )
    when.join()

    assert said.code == 130
    assert "was cancelled and has ended" in said.err
    (entry,) = cloud.ledger()
    assert entry["is_over"]


@pytest.mark.parametrize("cloud", [replace(BELIEVED, cancelling_s=3.0)], indirect=True)
def test_a_third_signal_waits_for_no_end_and_the_jobs_fate_is_told_all_the_same(
    quick: Mesosweep, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesosweep.cli.cloud.CloudSite.is_told_again", lambda self: True)
    _wait_for_ever(monkeypatch)
    calls = cloud.jobs.faults.calls
    words = ("launch", *COUNTING, *CLOUD, "--trials", "2", "--wait")
    slow = (*words, "--override", "count.seconds=4")
    first = _once((cloud.sweep / "stage1/1/progress.jsonl").exists, _interrupt)
    third = _once(lambda: calls["CancelHyperparameterTuningJob"] > 0, _interrupt)

    left = quick(*slow)
    first.join()
    third.join()
    again = quick(*slow)

    (name,) = {entry["job"] for entry in cloud.ledger() if entry["attempt"] == 0}
    assert left.code == 130
    assert f"Nobody waited for the end of {name}" in left.err
    assert f"mesosweep rehearse jobs cancel {name}" in left.err
    assert again.code == 0, again.err
    assert "is still being cancelled" in again.err
    assert [entry["is_over"] for entry in cloud.ledger()] == [True, True]


@pytest.mark.parametrize("cloud", [replace(BELIEVED, cancelling_s=60.0)], indirect=True)
def test_who_will_not_wait_for_a_cancelled_job_is_told_that_nobody_did(
    quick: Mesosweep, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wait_for_ever(monkeypatch)
    slow = ("--override", "count.seconds=60")
    name = quick("launch", *COUNTING, *CLOUD, "--trials", "2", *slow).out.splitlines()[0]
    calls = cloud.jobs.faults.calls
    when = _once(lambda: calls["CancelHyperparameterTuningJob"] > 0, _interrupt)

    said = quick("jobs", "cancel", name)
    when.join()

    assert said.code == 130
    assert f"Nobody waited for the end of {name}" in said.err


def test_a_cancelled_jobs_finished_trials_count_and_the_rest_is_asked_for(
    quick: Mesosweep, cloud: Cloud
) -> None:
    words = ("launch", *COUNTING, *CLOUD, "--trials", "3", "--parallel", "1")
    slow = (*words, "--override", "count.seconds=2")
    name = quick(*slow).out.splitlines()[0]
    _when((cloud.sweep / "stage1/1/metrics.json").exists)

    told = json.loads(quick("status", "gs://a-bucket", "--stage", "1", "--json").out)
    cancelled = quick("jobs", "cancel", name)
    shown = quick("status", "gs://a-bucket", "--stage", "1")
    listed = quick(*_command_in(shown.out))
    rest = quick(*slow, "--wait")

    # Nobody follows the job, so the bucket tells what its trials came to.
    assert told["stages"][0]["trials"][0]["status"] == "finished"
    assert cancelled.code == 0
    assert "cancelled" in cancelled.out
    assert "No job of ours runs there." in listed.err
    assert rest.code == 0, rest.err
    first, second = cloud.ledger()
    assert (first["trials"], second["attempt"]) == (3, 1)
    assert second["trials"] < 3
    assert len(list(cloud.sweep.glob("stage1*/*/metrics.json"))) == 3


def test_a_limit_that_is_passed_cancels_the_job_and_says_what_became_of_it(
    quick: Mesosweep, cloud: Cloud, here: Path
) -> None:
    prices = here / "prices.toml"
    prices.write_text(
        "checked = 2026-11-22\n[[price]]\nlocation = 'us-central1'\nitem = 'n1-standard-8'\n"
        "strategy = 'STANDARD'\nusd_per_hour = 3600.0\nbasis = 'quoted'\nsource = 'a test'\n"
    )
    words = ("launch", *COUNTING, *CLOUD, "--trials", "2", "--price-file", str(prices))

    said = quick(
        *words, "--wait", "--override", "count.seconds=60", "--max-cost", "130"
    )  # one dollar a second, and the next minute of two machines is counted in

    assert said.code == 6
    assert "was cancelled" in said.error
    assert "2 running trials" in said.error
    assert "The job goes on" not in said.err
    (entry,) = cloud.ledger()
    assert entry["is_over"]


def test_a_paid_run_that_nobody_agrees_to_is_refused_not_hung(
    cloud: Cloud, mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    from mesosweep.backends.vertex.settings import JobSettings

    monkeypatch.setattr(JobSettings, "is_rehearsed", property(lambda self: False))

    said = mesosweep("launch", *COUNTING, *CLOUD, "--trials", "2")

    assert said.code == 2
    assert "Nobody is here to agree" in said.error
    assert "--yes" in said.err
    assert list(cloud.storage.root.glob("a-bucket/*")) == []


BAD: Mapping[str, tuple[tuple[str, ...], int, str]] = {
    "plaintext to another machine": (
        ("--api-endpoint", "http://10.0.0.1:80"),
        2,
        "--api-endpoint http://10.0.0.1:80: plaintext is for a server of this machine only",
    ),
    "a bucket that is not there": (("--bucket", "no-such-bucket"), 4, "there is no such bucket"),
    "another project": (("--project", "other-project"), 4, "Permission"),
    "an accelerator that the machine cannot take": (
        ("--machine-type", "e2-standard-4", "--accelerator-type", "T4"),
        2,
        "does not take 1 × NVIDIA_TESLA_T4",
    ),
    "an unknown accelerator": (("--accelerator-type", "T5"), 2, "unknown accelerator"),
    "known points": (("--enqueue", "points.json"), 2, "--enqueue"),
    "an early stopping that there is not": (("--early-stopping", "mean"), 2, "mean"),
    "a price that nobody knows": (("--region", "mars-north1", "--max-cost", "5"), 2, "no known"),
}


@pytest.mark.parametrize("which", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(
    quick: Mesosweep, cloud: Cloud, here: Path, which: str
) -> None:
    words, code, complaint = BAD[which]
    (here / "points.json").write_text('[{"count_gain": 0.5}]')

    said = quick("launch", *COUNTING, *CLOUD, *words, "--trials", "2", "--wait")

    assert said.code == code
    assert complaint in said.error
    assert cloud.ledger() == [] or which == "another project"
    assert not list(cloud.sweep.glob("stage*/*/metrics.json"))


def test_no_quota_is_tried_four_times_and_then_said_with_what_to_do(
    quick: Mesosweep, cloud: Cloud
) -> None:
    cloud.breaks(quota=0)

    said = quick("launch", *COUNTING, *CLOUD, "--trials", "2", "--wait")

    assert said.code == 4
    assert "tried 4 times" in said.error
    assert "custom_model_training_cpus" in said.error
    assert "whether the job was created" not in said.err
    assert "Run the same command again" in said.err
    assert cloud.jobs.faults.calls["CreateHyperparameterTuningJob"] == 4

    cloud.breaks()
    assert quick("launch", *COUNTING, *CLOUD, "--trials", "2", "--wait").code == 0


def test_a_quota_of_nothing_is_told_by_doctor_and_by_the_submission_and_nothing_is_lost(
    quick: Mesosweep, cloud: Cloud
) -> None:
    launch = ("launch", *COUNTING, *CLOUD, "--wait")
    assert quick(*launch, "--trials", "1").code == 0
    state = cloud.sweep / "_sweep_state_stage1.json"
    before = json.loads(state.read_text())
    cloud.breaks(meters={"custom_model_training_cpus": 0})

    (check,) = (c for c in checks_of(cloud, parallel=2) if c.name == "quota")
    sent = quick(*launch, "--trials", "3")

    assert check.mark == "✗"
    assert check.found == (
        "custom_model_training_cpus in us-central1: 0 granted; 2 trials at a time need 16"
    )
    assert sent.code == 4
    assert "custom_model_training_cpus" in sent.error
    after = json.loads(state.read_text())
    assert after["stages"][0]["trials"] == before["stages"][0]["trials"]
    assert after["fingerprint"] == before["fingerprint"]

    cloud.breaks()
    assert quick(*launch, "--trials", "3").code == 0


@pytest.mark.parametrize(
    ("how", "told", "marks"),
    [
        ({}, ["custom_model_training_cpus in us-central1: unlimited"], "✓"),
        (
            {"meters": {"custom_model_training_cpus": 40}},
            ["custom_model_training_cpus in us-central1: 40 granted; 5 trials at a time need 40"],
            "✓",
        ),
        (
            {"meters": {"custom_model_training_cpus": 20}},
            ["20 granted; 5 trials at a time need 40"],
            "!",
        ),
        ({"meters": {"custom_model_training_cpus": 7}}, ["7 granted"], "✗"),
    ],
)
def test_doctor_compares_the_quota_with_what_trials_need(
    cloud: Cloud, how: dict[str, Any], told: list[str], marks: str
) -> None:
    cloud.breaks(**how)

    found = [check for check in checks_of(cloud) if check.name == "quota"]

    assert [check.mark for check in found] == list(marks)
    for check, words in zip(found, told, strict=True):
        assert words in check.found


def test_each_kind_of_machine_has_a_quota_of_its_own(cloud: Cloud) -> None:
    cloud.breaks(meters={"custom_model_training_preemptible_nvidia_l4_gpus": 1})

    cpus, gpus = (
        check
        for check in checks_of(
            cloud, machine_type="g2-standard-8", accelerator_type="L4", spot=True
        )
        if check.name == "quota"
    )

    assert cpus.found.startswith("custom_model_training_preemptible_g2_cpus in us-central1")
    assert "nvidia_l4_gpus in us-central1: 1 granted; 5 trials at a time need 5" in gpus.found
    assert (gpus.mark, (gpus.fix or "").splitlines()[-1]) == ("!", "Or: --parallel 1")


@pytest.mark.parametrize(
    ("fault", "why", "fix"),
    [
        (
            CallFault(
                "GetConsumerQuotaMetric",
                "PERMISSION_DENIED",
                call=1,
                message="Service Usage API has not been used in project 1 before or it is disabled.",
            ),
            "the Service Usage API is disabled in the project",
            "gcloud services enable serviceusage.googleapis.com --project=my-project",
        ),
        (
            CallFault("GetConsumerQuotaMetric", "PERMISSION_DENIED", call=1, message="Denied."),
            "Denied.",
            "roles/servicemanagement.quotaViewer",
        ),
        (CallFault("GetConsumerQuotaMetric", "NOT_FOUND", call=1), "no such meter", "quotas"),
        (CallFault("GetConsumerQuotaMetric", "UNAVAILABLE", call=1), "injected", "quotas"),
    ],
)
def test_a_quota_that_cannot_be_looked_up_is_a_warning_that_says_what_to_do(
    cloud: Cloud, fault: CallFault, why: str, fix: str
) -> None:
    cloud.breaks(fault)

    (check,) = (check for check in checks_of(cloud) if check.name == "quota")

    assert check.mark == "!"
    assert "5 trials at a time need 40 of custom_model_training_cpus; not looked up" in check.found
    assert why in check.found
    assert fix in (check.fix or "")


def test_a_quota_that_nobody_answers_for_is_a_warning(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESOSWEEP_QUOTA_ENDPOINT", "http://127.0.0.1:1")

    (check,) = (check for check in checks_of(cloud) if check.name == "quota")

    assert check.mark == "!"
    assert "http://127.0.0.1:1 did not answer" in check.found


def test_an_image_without_our_program_costs_three_trials_and_those_begun_beside_them(
    quick: Mesosweep, cloud: Cloud
) -> None:
    cloud.runner.change = lambda launch: replace(launch, argv=("no-such-program", *launch.argv[1:]))

    said = quick("launch", *COUNTING, *CLOUD, "--trials", "9", "--wait")

    assert said.code == 4
    assert "no-such-program" in said.error
    assert "Mend the cause and run the same command" in said.err
    state = json.loads((cloud.sweep / "_sweep_state_stage1.json").read_text())
    assert len(state["stages"][0]["trials"]) <= 4


def test_an_image_with_another_species_refuses_before_its_first_step(
    quick: Mesosweep, cloud: Cloud
) -> None:
    def change(launch: Launch) -> Launch:
        path = cloud.sweep / "stage1/study.json"
        told = json.loads(path.read_text())
        told["installed"]["species_code"] = "another"
        path.write_text(json.dumps(told))
        return launch

    cloud.runner.change = change

    said = quick("launch", *COUNTING, *CLOUD, "--trials", "2", "--wait")

    assert said.code == 4
    assert "planned with another counting" in said.error
    assert not list(cloud.sweep.glob("stage1/*/progress.jsonl"))


def test_a_bucket_that_went_away_is_told_from_the_copy_here(
    quick: Mesosweep, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mesosweep.stores.gcs_client as gcs_client

    quick("launch", *COUNTING, *CLOUD, "--trials", "1", "--wait")
    monkeypatch.setattr(gcs_client, "PAUSES_S", ())
    cloud.storage.play(StorageScript(unreachable=True))

    said = quick("status", "gs://a-bucket/sweeps")
    told = quick("status", "gs://a-bucket/sweeps", "--json")

    assert said.code == told.code == 5
    assert "Cloud Storage did not answer" in said.error
    assert "What is shown is the copy in" in said.error
    assert "A COPY, as this machine saw it last, on 20" in said.out
    assert "verified (95 %)" in said.out
    assert json.loads(told.out)["copy_of"] == "gs://a-bucket/sweeps"


def test_a_bucket_that_went_away_and_left_no_copy_is_one_line(
    quick: Mesosweep, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mesosweep.stores.gcs_client as gcs_client

    monkeypatch.setattr(gcs_client, "PAUSES_S", ())
    cloud.storage.play(StorageScript(unreachable=True))

    said = quick("status", "gs://a-bucket/sweeps")

    assert (said.code, said.out) == (5, "")
    assert "Cloud Storage did not answer" in said.error


def test_the_copy_of_a_sweep_says_where_it_stands_now(quick: Mesosweep, cloud: Cloud) -> None:
    slow = ("--override", "count.seconds=60")
    quick("launch", *COUNTING, *CLOUD, "--trials", "1", *slow)
    state = json.loads(
        Path("sweeps/counting/count/sweep_state_counting_count_stage1.json").read_text()
    )

    here = quick("status", ".", "--stage", "1")

    assert state["stages"][0]["status"] == "running"
    assert "mesosweep status gs://a-bucket/sweeps/counting/count" in here.out


def test_a_log_of_a_running_trial_is_read_from_the_bucket(quick: Mesosweep, cloud: Cloud) -> None:
    slow = ("--override", "count.seconds=60")
    quick("launch", *COUNTING, *CLOUD, "--trials", "1", *slow)
    _when((cloud.sweep / "stage1/1/worker.log").exists)

    said = quick("logs", "stage1/1")

    assert said.code == 0, said.err
    assert said.out
    assert "gs://a-bucket/sweeps/counting/count/stage1/1/worker.log" in said.err
    assert "All that processes of trials said: " in said.err


def test_a_sweep_of_this_machine_is_not_mistaken_for_one_in_the_cloud(
    quick: Mesosweep, cloud: Cloud
) -> None:
    local = quick("launch", *COUNTING, "--sampler", "random", "--trials", "1")
    said = quick("launch", *COUNTING, *CLOUD, "--trials", "1")

    assert local.code == 0
    assert said.code == 2
    assert "holds a sweep that runs on local, not on vertex" in said.error


def test_files_of_this_machine_are_carried_to_where_trials_find_them(
    quick: Mesosweep, cloud: Cloud, here: Path
) -> None:
    first = quick("launch", *COUNTING, "--sampler", "random", "--trials", "1", "--output-dir", "x")
    quick("stages", "export", "counting", "mine")
    load = here / "x/sweeps/counting/count/stage1/0/models/best_model.zip"

    said = quick(
        *("launch", *COUNTING, *CLOUD, "--stage", "2", "--trials", "1", "--wait"),
        *("--load", str(load), "--stage-dir", "mine"),
    )

    assert first.code == 0, first.err
    assert said.code == 0, said.err
    assert list(cloud.sweep.glob("_loaded/*/best_model.manifest.json"))
    assert len(list(cloud.sweep.glob("_stages/*/*.toml"))) == 3


def checks_of(cloud: Cloud, *, parallel: int = 5, **told: Any) -> list[Check]:
    """Return what `doctor` finds of a cloud that has everything."""
    usual = {"project": "my-project", "bucket": "a-bucket", "image": "host/x:1"}
    asked = Asked.of(Flags(parallel=parallel, **{**usual, **told}), os.environ)
    assert asked is not None
    return list(cloud_checks(asked))


def test_doctor_looks_at_the_cloud(cloud: Cloud) -> None:
    asked = Asked.of(
        Flags(project="my-project", bucket="a-bucket", image="host/x:1", parallel=5), os.environ
    )
    assert asked is not None
    marks = {check.name: check.mark for check in cloud_checks(asked)}
    other = Asked(asked.told, "no-such-bucket", 5)
    amiss = {check.name: check.found for check in cloud_checks(other) if check.mark == "✗"}

    assert marks == dict.fromkeys(
        ("packages for Vertex AI", "credentials", "bucket", "image", "jobs", "quota"), "✓"
    )
    assert "there is no such bucket" in amiss["bucket"]
    assert Asked.of(Flags(), {}) is None


def test_a_job_sent_by_hand_needs_the_document_that_the_plan_prints(
    quick: Mesosweep, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mesosweep.backends.vertex.client import GoogleJobs
    from mesosweep.backends.vertex.settings import JobSettings, Service

    plan = ("plan", *COUNTING, *CLOUD, "--stage", "1", "--trials", "1")
    with monkeypatch.context() as real:
        real.setattr(JobSettings, "is_rehearsed", property(lambda self: False))
        yaml = quick(*plan, "--request").out
    command = next(line for line in yaml.splitlines() if "gcloud storage cp" in line)
    printed, put = command.removeprefix("# mesosweep ").split(" | ")
    document = quick(*shlex.split(printed)[1:])
    jobs = GoogleJobs(Service("my-project", endpoint=cloud.jobs.endpoint))

    refused = _settled(jobs, jobs.create(_request(yaml))["name"])
    (cloud.sweep / "stage1/study.json").write_text(document.out)
    shutil.rmtree(cloud.sweep / "stage1/1")  # what is on record there counts as done
    done = _settled(jobs, jobs.create(_request(yaml))["name"])

    study = "gs://a-bucket/sweeps/counting/count/stage1/study.json"
    assert put == f"gcloud storage cp - {study}"
    assert json.loads(document.out)["stage"] == 1
    assert refused["state"] == "JOB_STATE_FAILED"
    told = refused["trials"][0]["infeasibleReason"]
    assert f"mesosweep plan … --study 1 | gcloud storage cp - {study}" in told
    assert done["state"] == "JOB_STATE_SUCCEEDED", done["trials"]


def _request(yaml: str) -> dict[str, Any]:
    """Return the job of a YAML document, as gcloud would send it."""
    loaded: dict[str, Any] = pytest.importorskip("yaml").safe_load(yaml)
    return loaded


def _settled(jobs: Any, name: str) -> dict[str, Any]:
    _when(lambda: "endTime" in jobs.get(name))
    job: dict[str, Any] = jobs.get(name)
    return job


def test_jobs_that_no_ledger_knows_are_reaped(quick: Mesosweep, cloud: Cloud) -> None:
    slow = ("--override", "count.seconds=60")
    quick("launch", *COUNTING, *CLOUD, "--trials", "2", *slow)
    known = quick("jobs", "reap", "--project", "my-project", "--bucket", "a-bucket", "--yes")
    for entry in (cloud.sweep / "_ledger").iterdir():
        entry.unlink()

    asked = quick("jobs", "reap", "--project", "my-project", "--bucket", "a-bucket")
    reaped = quick("jobs", "reap", "--project", "my-project", "--bucket", "a-bucket", "--yes")

    assert "the ledgers know them all" in known.err
    assert asked.code == 2
    assert "Nobody is here to agree" in asked.error
    assert "cancelled" in reaped.out
    assert quick("jobs", "list", "--project", "my-project").out == ""


def _command_in(shown: str) -> list[str]:
    """Return the words of the command by which `status` says that its reader learns more."""
    line = next(line for line in shown.splitlines() if "whether their job still runs" in line)
    return shlex.split(line.rpartition("mesosweep ")[2].removeprefix("rehearse "))


def _when(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came to that")


def _once(is_so: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Do something once a condition holds, while the command runs in the main thread."""

    def watch() -> None:
        _when(is_so)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def _wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up no wait for an end: hurried, half an hour passes before a thread of a busy machine acts."""
    monkeypatch.setattr("mesosweep.backends.vertex.cancelling._PATIENCE_S", 1e9)


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
