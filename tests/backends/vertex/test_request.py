"""The page's commands and the exact jobs that they become, flag by flag.

The files in tests/golden/vertex are what `gcloud ai hp-tuning-jobs create --config` reads.
After a change that is meant, write them anew with MESOSWEEP_WRITE_GOLDEN=1 and read the diff.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mesosweep.backends.vertex.goes import folder_go
from mesosweep.backends.vertex.labels import label
from mesosweep.backends.vertex.request import (
    REDACTED,
    Go,
    Request,
    build_request,
    redacted,
    study_uri,
    timeout_s,
)
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.backends.vertex.written import as_yaml
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.space import Discrete, SearchSpace
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Checkpoint
from mesosweep.plugins import Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_launch, plan_sweep

GOLDEN = Path(__file__).parents[2] / "golden" / "vertex"
SPACES = str(GOLDEN / "sweep_ppo.json")
"""The per-stage file that the page prints."""
IMAGE = "us-central1-docker.pkg.dev/my-project/mesozoic-labs/trainer:latest"
BUCKET = "gs://my-bucket"
SETTINGS = JobSettings(project="my-project", image=IMAGE)


def fixed(plan: SweepPlan) -> SweepPlan:
    """Return the plan under a key that does not change with the animal's files."""
    return replace(plan, comparables={"golden": True})


def run_all(**flags: Any) -> SweepPlan:
    """`launch-all --species velociraptor --algorithm ppo --trials 20 --parallel 5 …`."""
    said = Flags(
        species="velociraptor",
        algorithm="ppo",
        trials=20,
        parallel=5,
        timesteps_stage={1: 500_000, 2: 1_000_000, 3: 1_500_000},
        output_dir=BUCKET,
    )
    return fixed(plan_sweep(replace(said, **flags), registry=Registry(), environ={}, cores=96))


@cache
def the_whole_sweep() -> SweepPlan:
    return run_all(search_space_file=SPACES)


def stage_of(plan: SweepPlan, number: int) -> Study:
    """Return a stage's study; after the first it starts from trial 7 of the one before."""
    (stage,) = [stage for stage in plan.stages if stage.number == number]
    if number == 1:
        return plan.study(stage, attempt=0, load=None, fixed={})
    before = f"{plan.root}/stage{number - 1}/7/models/best_model.zip"
    load = Checkpoint(before, "best", "7")
    return plan.study(stage, attempt=0, load=load, fixed={"ppo_net_arch": "medium"})


def launched(**flags: Any) -> Study:
    said = Flags(species="velociraptor", algorithm="ppo", stage=1, output_dir=BUCKET)
    plan = plan_launch(replace(said, **flags), registry=Registry(), environ={}, cores=96)
    return stage_of(fixed(plan), 1)


def job(study: Study, settings: JobSettings = SETTINGS) -> Request:
    return build_request(study, settings, Go.first(study))


def at(request: Mapping[str, Any], path: str) -> Any:
    """Return what lies at `a.b.0.c`."""
    found: Any = request
    for step in path.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


POOL = "trialJobSpec.workerPoolSpecs.0"
ARGS = f"{POOL}.containerSpec.args"


def the_budget_friendly_run() -> tuple[Study, JobSettings]:
    """Follow `launch … --timesteps 100000 --n-envs 4 --trials 5 --accelerator-type None`."""
    study = launched(timesteps=100_000, n_envs=4, trials=5, parallel=3)
    return study, replace(SETTINGS, machine_type="n1-standard-8", accelerator_type="None")


def the_full_stage_1_sweep() -> tuple[Study, JobSettings]:
    """Follow `launch … --search-space-file … --accelerator-type NVIDIA_TESLA_T4`."""
    study = launched(search_space_file=SPACES)
    settings = replace(SETTINGS, machine_type="n1-standard-8", accelerator_type="NVIDIA_TESLA_T4")
    return study, settings


GOLDENS: Mapping[str, Callable[[], tuple[Study, JobSettings]]] = {
    "run_all_stage1": lambda: (stage_of(the_whole_sweep(), 1), SETTINGS),
    "run_all_stage2": lambda: (stage_of(the_whole_sweep(), 2), SETTINGS),
    "run_all_stage3": lambda: (stage_of(the_whole_sweep(), 3), SETTINGS),
    "default_space": lambda: (stage_of(run_all(n_envs=4), 1), SETTINGS),
    "budget_friendly": the_budget_friendly_run,
    "full_stage1_t4": the_full_stage_1_sweep,
    "everything": lambda: (
        stage_of(the_whole_sweep(), 2),
        replace(
            SETTINGS,
            location="europe-west4",
            machine_type="g2-standard-8",
            accelerator_type="L4",
            spot=True,
            service_account="trainer@my-project.iam.gserviceaccount.com",
            network="projects/123456/global/networks/lab",
            labels={"team": "walkers"},
            secrets={"WANDB_API_KEY": "not to be seen"},
            early_stopping="median",
            max_failed_trials=2,
            trial_s={2: 3_000.0},
        ),
    ),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_each_command_becomes_the_job_on_file(name: str) -> None:
    study, settings = GOLDENS[name]()

    text = as_yaml(job(study, settings), location=settings.location)

    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("MESOSWEEP_WRITE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("name", GOLDENS)
def test_what_is_written_reads_back_as_the_request(name: str) -> None:
    yaml = pytest.importorskip("yaml")
    study, settings = GOLDENS[name]()
    request = job(study, settings)

    assert yaml.safe_load(as_yaml(request, location="us-central1")) == redacted(request)


@pytest.mark.parametrize("name", GOLDENS)
def test_googles_own_message_holds_every_field(name: str) -> None:
    pytest.importorskip("google.cloud.aiplatform_v1")
    import json

    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob

    from mesosweep.backends.vertex.client import _plain

    study, settings = GOLDENS[name]()
    request = job(study, settings)

    held = _plain(HyperparameterTuningJob.from_json(json.dumps(request)))

    # int64 comes back as text, and what is false or 0 is left out.
    held["trialJobSpec"]["workerPoolSpecs"][0]["replicaCount"] = 1
    if settings.early_stopping == "median":
        assert held["studySpec"]["medianAutomatedStoppingSpec"] == {}
        held["studySpec"]["medianAutomatedStoppingSpec"] = {"useElapsedDuration": False}
    assert held == request


class TestThePagesFlags:
    """`run-all --trials 20 --parallel 5 --timesteps-stage2 1000000 …`, read line by line."""

    @pytest.fixture
    def first(self) -> Request:
        return job(stage_of(the_whole_sweep(), 1))

    @pytest.fixture
    def second(self) -> Request:
        return job(stage_of(the_whole_sweep(), 2))

    @pytest.mark.parametrize(
        ("flag", "path", "value"),
        [
            ("--trials 20", "maxTrialCount", 20),
            ("--parallel 5", "parallelTrialCount", 5),
            ("--image", f"{POOL}.containerSpec.imageUri", IMAGE),
            ("the entry point", f"{POOL}.containerSpec.command", ["mesosweep"]),
            ("--machine-type by default", f"{POOL}.machineSpec", {"machineType": "n1-standard-8"}),
            ("one machine a trial", f"{POOL}.replicaCount", 1),
            (
                "--bucket, and the table of names",
                "trialJobSpec.baseOutputDirectory.outputUriPrefix",
                "gs://my-bucket/sweeps/velociraptor/ppo/stage2",
            ),
            ("without --spot", "trialJobSpec.scheduling.strategy", "STANDARD"),
            ("a lost worker", "trialJobSpec.scheduling.restartJobOnWorkerRestart", True),
            ("an image that cannot start", "maxFailedTrialCount", 3),
            ("the objective", "studySpec.metrics.0.metricId", "best_mean_reward"),
            ("the higher the better", "studySpec.metrics.0.goal", "MAXIMIZE"),
            ("whose job it is", "labels.mesosweep_species", "velociraptor"),
            ("which stage", "labels.mesosweep_stage", "2"),
        ],
    )
    def test_lands_where_the_service_looks(
        self, second: Request, flag: str, path: str, value: object
    ) -> None:
        assert at(second, path) == value, flag

    @pytest.mark.parametrize(
        "word",
        [
            "--species=velociraptor",
            "--stage=2",
            "--algorithm=ppo",
            "--timesteps=1000000",
            "--n-envs=4",
            "--eval-freq=10000",
            "--load=/gcs/my-bucket/sweeps/velociraptor/ppo/stage1/7/models/best_model.zip",
            "--output-dir=/gcs/my-bucket/sweeps/velociraptor/ppo/stage2",
            "--study=gs://my-bucket/sweeps/velociraptor/ppo/stage2/study.json",
            "--ppo_net_arch=medium",
        ],
    )
    def test_or_reaches_the_trial(self, second: Request, word: str) -> None:
        assert word in at(second, ARGS)

    def test_bayesian_search_is_the_services_default(self, second: Request) -> None:
        assert "algorithm" not in second["studySpec"]

    def test_nothing_is_stopped_early_unless_asked_for(self, second: Request) -> None:
        assert not [key for key in second["studySpec"] if "Stopping" in key]

    def test_the_first_stage_starts_from_scratch(self, first: Request) -> None:
        assert not [word for word in at(first, ARGS) if word.startswith("--load")]

    def test_the_network_is_searched_in_stage_1_and_fixed_later(
        self, first: Request, second: Request
    ) -> None:
        def searched(request: Request) -> list[str]:
            return [p["parameterId"] for p in request["studySpec"]["parameters"]]

        assert "ppo_net_arch" in searched(first)
        assert "ppo_net_arch" not in searched(second)

    def test_the_files_own_settings_count_where_no_flag_was_given(self) -> None:
        request = job(*the_full_stage_1_sweep())

        assert (request["maxTrialCount"], request["parallelTrialCount"]) == (10, 5)
        assert "--timesteps=500000" in at(request, ARGS)

    @pytest.mark.parametrize(
        ("alias", "name"),
        [
            ("T4", "NVIDIA_TESLA_T4"),
            ("V100", "NVIDIA_TESLA_V100"),
            ("NVIDIA_TESLA_T4", "NVIDIA_TESLA_T4"),
            ("t4", "NVIDIA_TESLA_T4"),
        ],
    )
    def test_accelerators_go_by_their_short_names(self, alias: str, name: str) -> None:
        request = job(launched(), replace(SETTINGS, accelerator_type=alias))

        assert at(request, f"{POOL}.machineSpec.acceleratorType") == name
        assert at(request, f"{POOL}.machineSpec.acceleratorCount") == 1


class TestParameters:
    def entry(self, **space: Mapping[str, Any]) -> Any:
        study = replace(launched(), space=SearchSpace.of(space))
        return job(study)["studySpec"]["parameters"][0]

    def test_a_double_keeps_its_bounds_and_scale(self) -> None:
        told = self.entry(ppo_x={"type": "double", "min": 1e-5, "max": 3e-4, "scale": "log"})

        assert told == {
            "parameterId": "ppo_x",
            "doubleValueSpec": {"minValue": 1e-5, "maxValue": 3e-4},
            "scaleType": "UNIT_LOG_SCALE",
        }

    def test_discrete_values_rise_strictly_whatever_their_order(self) -> None:
        told = self.entry(ppo_x={"type": "discrete", "values": [256, 64, 128]})

        assert told["discreteValueSpec"]["values"] == [64.0, 128.0, 256.0]

    def test_an_integer_is_one(self) -> None:
        told = self.entry(ppo_x={"type": "integer", "min": 1, "max": 4})

        assert told["integerValueSpec"] == {"minValue": 1, "maxValue": 4}

    def test_words_have_no_scale(self) -> None:
        told = self.entry(ppo_net_arch={"type": "categorical", "values": ["small", "deep"]})

        assert told == {
            "parameterId": "ppo_net_arch",
            "categoricalValueSpec": {"values": ["small", "deep"]},
        }

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            (tuple(range(1_001)), "at most 1000 values"),
            ((0.5, 0.5 + 1e-11), "closer than Vertex AI allows"),
        ],
    )
    def test_what_the_service_does_not_take_is_said_before(
        self, values: tuple[float, ...], told: str
    ) -> None:
        study = replace(launched(), space=SearchSpace({"ppo_x": Discrete(values)}))

        with pytest.raises(SettingsError, match=told):
            job(study)


class TestTheContainersArguments:
    def test_are_read_by_the_worker_as_they_stand(self) -> None:
        from mesosweep.worker.request import parse_request

        study = stage_of(the_whole_sweep(), 2)
        study = replace(study, overrides=("env.target_speed=2.0",), trackers=("none",))
        words = at(job(study), ARGS)
        assert words[0] == "trial"

        # The one word that a worker does not know yet.
        known = [word for word in words if not word.startswith("--study=")]
        request = parse_request(known, registry=Registry(), environ={"CLOUD_ML_TRIAL_ID": "3"})

        assert request.folder == Path("/gcs/my-bucket/sweeps/velociraptor/ppo/stage2/3")
        assert (request.timesteps, request.stage) == (1_000_000, 2)
        assert dict(request.injected) == {"ppo_net_arch": "medium"}
        assert request.overrides == ("env.target_speed=2.0",)

    def test_another_go_writes_and_seeds_apart(self) -> None:
        study = launched()
        go = folder_go(study, attempt=2, trials=3)

        request = build_request(study, SETTINGS, go)

        words = at(request, ARGS)
        assert "--attempt=2" in words
        assert "--attempt=0" not in words
        assert f"--study={study_uri(go)}" in words
        assert at(request, "trialJobSpec.baseOutputDirectory.outputUriPrefix") == go.folder
        assert go.folder == "gs://my-bucket/sweeps/velociraptor/ppo/stage1_a2"
        assert (request["maxTrialCount"], request["parallelTrialCount"]) == (3, 3)
        assert request["labels"]["mesosweep_attempt"] == "2"
        assert request["displayName"] == f"{study.key}-then-a2"


class TestTimeout:
    def test_the_users_own_counts(self) -> None:
        assert timeout_s(replace(launched(), trial_timeout_s=90.5), SETTINGS) == 91

    def test_is_four_times_the_estimate_in_whole_minutes(self) -> None:
        assert timeout_s(launched(), replace(SETTINGS, trial_s={1: 3_000.0})) == 12_000

    def test_is_an_hour_at_least_and_a_week_at_most(self) -> None:
        assert timeout_s(launched(), replace(SETTINGS, trial_s={1: 1.0})) == 3_600
        assert timeout_s(launched(), replace(SETTINGS, trial_s={1: 1e9})) == 604_800

    def test_without_an_estimate_a_very_slow_trial_still_fits(self) -> None:
        study = launched()
        slow = replace(study, settings=TrialSettings(timesteps=1_500_000, n_envs=4))

        assert timeout_s(slow, SETTINGS) >= 1_500_000 / 111


class TestRefusals:
    """What cannot be is said before anything is sent, in one line."""

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"folder": "sweeps/x/stage1"}, "write into a bucket"),
            ({"load": Checkpoint("/home/me/best_model.zip", "best", "1")}, "cannot see this"),
            ({"stage_dir": "stages"}, "--stage-dir stages"),
            ({"enqueued": ({"ppo_gamma": 0.99},)}, "--enqueue"),
            ({"space": SearchSpace({})}, "nothing is left to search"),
        ],
    )
    def test_of_a_study(self, change: dict[str, Any], told: str) -> None:
        with pytest.raises(SettingsError, match=told) as caught:
            job(replace(launched(), **change))

        assert "\n" not in str(caught.value)

    def test_a_stage_dir_in_the_bucket_is_mounted(self) -> None:
        words = at(job(replace(launched(), stage_dir="gs://my-bucket/stages")), ARGS)

        assert "--stage-dir=/gcs/my-bucket/stages" in words


def test_secrets_reach_the_container_and_no_page() -> None:
    settings = replace(SETTINGS, secrets={"WANDB_API_KEY": "0123456789"})
    request = job(launched(), settings)

    env = at(request, f"{POOL}.containerSpec.env")
    assert env == [{"name": "WANDB_API_KEY", "value": "0123456789"}]
    shown = as_yaml(request, location="us-central1")
    assert "0123456789" not in shown
    assert REDACTED in shown
    assert at(request, f"{POOL}.containerSpec.env.0.value") == "0123456789"


class TestLabels:
    def test_a_study_key_is_its_own_label(self) -> None:
        study = launched()

        assert job(study)["labels"]["mesosweep_study"] == study.key

    @pytest.mark.parametrize("text", ["A Raptor", "x" * 80, "größe", ""])
    def test_what_no_label_can_hold_is_told_apart_by_a_digest(self, text: str) -> None:
        value = label(text)

        assert len(value) <= 63
        assert value == value.lower()
        assert label(text + "y") != value


def test_a_plan_is_printed_without_googles_packages() -> None:
    script = (
        "import sys, mesosweep.backends.vertex.backend, mesosweep.backends.vertex.written\n"
        "sys.exit(bool({'google.api_core', 'grpc', 'pydantic'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
