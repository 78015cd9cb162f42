"""Where trials run and what a backend there is told: flag, environment, a sweep file's `job`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import SweepPlan
from mesosweep.plugins import Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_sweep

CLOUD: dict[str, Any] = {"project": "my-project", "bucket": "a-bucket", "image": "host/repo/x:1"}


@pytest.fixture
def plan(shelf: Registry) -> Callable[..., SweepPlan]:
    def make(environ: dict[str, str] | None = None, **flags: Any) -> SweepPlan:
        said = Flags(species="velociraptor", **flags)
        return plan_sweep(said, registry=shelf, environ=environ or {}, cores=2)

    return make


def test_nothing_said_is_this_machine(plan: Callable[..., SweepPlan]) -> None:
    made = plan()

    assert (made.backend, made.root) == ("local", "sweeps/velociraptor/ppo")
    assert made.here == made.root
    assert made.job == {}


@pytest.mark.parametrize("name", ["project", "bucket", "image"])
def test_project_bucket_or_image_means_vertex_ai(plan: Callable[..., SweepPlan], name: str) -> None:
    assert plan(**{name: CLOUD[name]}).backend == "vertex"
    assert plan({f"MESOSWEEP_{name.upper()}": CLOUD[name]}).backend == "vertex"
    assert plan({f"MESOSWEEP_{name.upper()}": CLOUD[name]}, backend="local").backend == "local"


@pytest.mark.parametrize(
    ("said", "root"),
    [
        ("a-bucket", "gs://a-bucket/sweeps/velociraptor/ppo"),
        ("gs://a-bucket", "gs://a-bucket/sweeps/velociraptor/ppo"),
        ("gs://a-bucket/team/x/", "gs://a-bucket/team/x/sweeps/velociraptor/ppo"),
    ],
)
def test_a_sweep_lies_in_its_bucket_with_a_copy_here(
    plan: Callable[..., SweepPlan], said: str, root: str
) -> None:
    made = plan(**{**CLOUD, "bucket": said}, output_dir="runs")

    assert made.root == root
    assert made.here == "runs/sweeps/velociraptor/ppo"


@pytest.mark.parametrize("said", ["A-Bucket", "x", "gs://", "a bucket"])
def test_a_name_that_no_bucket_can_have_is_refused(
    plan: Callable[..., SweepPlan], said: str
) -> None:
    with pytest.raises(SettingsError, match="--bucket"):
        plan(**{**CLOUD, "bucket": said})


def test_a_flag_beats_the_environment_beats_the_file(
    plan: Callable[..., SweepPlan], tmp_path: Path
) -> None:
    file = tmp_path / "sweep.json"
    job = {"location": "us-east1", "machine_type": "n1-highmem-8", "network": "n", "spot": True}
    file.write_text(json.dumps({"job": {**job, "labels": {"team": "a", "cost": "b"}}, "trials": 3}))

    made = plan(
        {"MESOSWEEP_LOCATION": "us-east4", "MESOSWEEP_MACHINE_TYPE": "n1-highmem-16"},
        **CLOUD,
        search_space_file=str(file),
        location="us-west1",
        labels=("team=c",),
    )

    assert made.stages[0].trials == 3
    assert made.job["location"] == "us-west1"
    assert made.job["machine_type"] == "n1-highmem-16"
    assert (made.job["network"], made.job["spot"]) == ("n", True)
    assert made.job["labels"] == {"team": "c", "cost": "b"}
    assert made.origins["location"] == "flag"
    assert made.origins["machine_type"] == "environment MESOSWEEP_MACHINE_TYPE"
    assert made.origins["network"] == f"file {file}"


def test_a_file_alone_never_spends_money(plan: Callable[..., SweepPlan], tmp_path: Path) -> None:
    file = tmp_path / "sweep.json"
    file.write_text(json.dumps({"job": CLOUD}))

    assert plan(search_space_file=str(file)).backend == "local"
    assert plan(search_space_file=str(file), backend="vertex").job["project"] == "my-project"


@pytest.mark.parametrize(
    ("job", "complaint"),
    [
        ({"machin_type": "x"}, "job → machin_type: unknown key"),
        ({"accelerator_count": 0}, "job → accelerator_count"),
        ({"max_cost": -1.0}, "job → max_cost"),
        ({"spot": "yes"}, "job → spot"),
        ([], "job: must be a JSON object"),
    ],
)
def test_what_a_file_says_of_jobs_is_read_strictly(
    plan: Callable[..., SweepPlan], tmp_path: Path, job: object, complaint: str
) -> None:
    file = tmp_path / "sweep.json"
    file.write_text(json.dumps({"job": job}))

    with pytest.raises(SettingsError, match="job") as caught:
        plan(search_space_file=str(file))

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"spot": True}, "--spot"),
        ({"machine_type": "n1-standard-4"}, "--machine-type"),
        ({"labels": ("a=b",)}, "--label"),
        ({"max_cost": 5.0}, "--max-cost"),
        ({"project": "my-project", "backend": "local"}, "--project"),
    ],
)
def test_what_this_machine_cannot_be_told_is_refused(
    plan: Callable[..., SweepPlan], flags: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=f"{named}: trials run on this machine"):
        plan(**flags)


@pytest.mark.parametrize(
    "flags", [{"max_cost": 0.0}, {"accelerator_count": 0}, {"labels": ("team",)}]
)
def test_a_value_that_cannot_be_is_refused(
    plan: Callable[..., SweepPlan], flags: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError):
        plan(**CLOUD, **flags)


def test_machines_change_nothing_that_trials_are_compared_by(
    plan: Callable[..., SweepPlan],
) -> None:
    here, there = plan(), plan(**CLOUD, spot=True, machine_type="n1-highmem-8", max_cost=5.0)

    assert here.fingerprint == there.fingerprint
    assert there.max_cost_usd == 5.0


def test_trials_elsewhere_are_not_capped_by_the_cores_here(plan: Callable[..., SweepPlan]) -> None:
    assert {stage.parallel for stage in plan().stages} == {2}
    assert {stage.parallel for stage in plan(**CLOUD).stages} == {5}


@pytest.mark.parametrize("rule", ["none", "median", "halving"])
def test_trials_here_are_ended_early_by_any_rule(plan: Callable[..., SweepPlan], rule: str) -> None:
    made = plan(early_stopping=rule)

    assert made.early_stopping == rule
    assert made.origins["early_stopping"] == "flag"
    stopping = made.stopping(made.stages[1])
    assert (stopping.rule if stopping else "none") == rule


def test_a_sweep_file_says_how_trials_are_ended_early_wherever_they_run(
    plan: Callable[..., SweepPlan], tmp_path: Path
) -> None:
    file = tmp_path / "sweep.json"
    file.write_text(json.dumps({"job": {"early_stopping": "median"}}))

    here = plan(search_space_file=str(file))
    there = plan(search_space_file=str(file), **CLOUD)

    assert (here.early_stopping, here.job) == ("median", {})
    assert (there.early_stopping, there.job["early_stopping"]) == ("none", "median")
    assert plan(search_space_file=str(file), early_stopping="none").early_stopping == "none"


def test_how_trials_are_ended_early_is_no_part_of_what_makes_them_comparable(
    plan: Callable[..., SweepPlan],
) -> None:
    assert plan(early_stopping="halving").fingerprint == plan().fingerprint


def test_a_rule_that_the_service_does_not_have_is_refused(plan: Callable[..., SweepPlan]) -> None:
    with pytest.raises(SettingsError, match="--early-stopping halving: only trials on this"):
        plan(early_stopping="halving", **CLOUD)
    with pytest.raises(SettingsError, match="unknown value 'medain'"):
        plan(early_stopping="medain")


def test_nobody_is_ended_early_while_warm_up_and_ramp_may_last(
    plan: Callable[..., SweepPlan],
) -> None:
    made = plan(early_stopping="median", timesteps=1_000_000)

    # Stage 1 starts from scratch; stage 2 warms up for 100,000 steps and ramps for a quarter.
    stopping = [made.stopping(stage) for stage in made.stages]
    assert [stage.grace_steps for stage in made.stages] == [0, 350_000, 0]
    assert [each.rungs if each else () for each in stopping] == [(250_000,), (350_000,), (250_000,)]
