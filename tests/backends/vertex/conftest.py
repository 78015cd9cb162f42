"""A bucket, in memory or served, a JobService on a loopback port, and a clock that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.study import Study
from mesosweep.testing.backend import a_study
from mesosweep.testing.bucket import ROOT, MemoryBucket, leave_record
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import a_plan

if TYPE_CHECKING:
    from mesosweep.rehearsal.storage import LocalStorage


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Any) -> Iterator[LocalStorage]:
    """Serve a bucket that Google's own client asks; a test with this one has none in memory."""
    pytest.importorskip("google.cloud.storage")
    from mesosweep.rehearsal.storage import LocalStorage

    with LocalStorage(tmp_path / "cloud", clock=clock) as served:
        served.make_bucket("a-bucket")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.address)
        yield served


@pytest.fixture
def bucket(request: pytest.FixtureRequest, clock: Any) -> Bucket:
    """Return the bucket of `storage` where a test has one, else one in memory."""
    if "storage" not in request.fixturenames:
        return MemoryBucket()
    from mesosweep.stores.gcs_objects import Objects

    request.getfixturevalue("storage")
    return Objects(clock=clock)


@pytest.fixture
def mount(bucket: Bucket) -> Any:
    """Return what trials write into: the bucket, as their machines see it."""
    return bucket


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def plan() -> SweepPlan:
    """Return a plan whose stages lie in a bucket, with all that a study document tells."""
    comparables = {
        "species_version": "0.1.0",
        "species_code": "abcdef012345",
        "stages": {
            str(number): {"name": name, "env": {"target": 1.0}, "space": {}, "settings": {}}
            for number, name in enumerate(("balance", "locomotion", "strike"), start=1)
        },
    }
    return a_plan(comparables=comparables, root=ROOT)


@pytest.fixture
def study() -> Study:
    """Return a study of four trials, two at a time, in a bucket."""
    return a_study(folder=f"{ROOT}/stage1")


Reward = Callable[[Mapping[str, str]], float | None]


@dataclass
class Cloud:
    """A rehearsed Vertex AI in virtual time; its trials follow `reward`."""

    endpoint: str
    rest_endpoint: str | None
    jobs: Any
    runner: Any
    reward: Reward
    """Words of a trial → its reward; None for a container that exits with 1."""

    @property
    def script(self) -> Any:
        return self.jobs.faults.script

    @script.setter
    def script(self, script: Any) -> None:
        self.jobs.faults.script = script


def words_of(argv: tuple[str, ...]) -> dict[str, str]:
    """Return `--name=value` and `--name value` of an argv by name."""
    found, rest = {}, list(argv)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name.startswith("--"):
            found[name[2:]] = value if equals or not rest else rest.pop(0)
    return found


@pytest.fixture
def open_cloud(clock: FakeClock, mount: Any) -> Iterator[Callable[..., Cloud]]:
    """Open rehearsed clouds; keyword arguments are those of `LocalJobs`."""
    pytest.importorskip("google.cloud.aiplatform_v1")
    from mesosweep.rehearsal.scripted import Course, Moment, ScriptedRunner
    from mesosweep.rehearsal.serving import LocalJobs

    opened = []

    def open_cloud(**others: Any) -> Cloud:
        def reward(words: Mapping[str, str]) -> float | None:
            return float(words["count_gain"])

        def course(launch: Any) -> Course:
            words = words_of(launch.argv)
            value = rehearsed.reward(words)
            if value is None:
                return Course(duration_s=60.0, exit_code=1, says="told to fail")
            folder = words["output-dir"].replace("/gcs/", "gs://") + f"/{launch.trial_id}"
            end = Moment(
                60.0,
                int(words["timesteps"]),
                {"best_mean_reward": value},
                do=lambda: leave_record(mount, folder, reward=value, words=words),
            )
            half = Moment(30.0, int(words["timesteps"]) // 2, {"best_mean_reward": value - 1})
            return Course(duration_s=60.0, moments=(half, end))

        runner = ScriptedRunner(course)
        jobs = LocalJobs(runner, clock=clock, **others)
        opened.append(jobs)
        rehearsed = Cloud(jobs.endpoint, jobs.rest_endpoint, jobs, runner, reward)
        return rehearsed

    yield open_cloud
    for jobs in opened:
        jobs.close()


@pytest.fixture
def cloud(open_cloud: Callable[..., Cloud]) -> Cloud:
    return open_cloud()


@pytest.fixture
def open_vertex(plan: SweepPlan, bucket: Bucket, clock: FakeClock) -> Callable[..., Any]:
    """Open the backend over a cloud, as a restarted supervisor would."""

    def open_vertex(cloud: Cloud, **others: Any) -> Any:
        from mesosweep.backends.vertex import backend_of
        from mesosweep.backends.vertex.settings import JobSettings

        settings = JobSettings(
            project="my-project", image="host/repo/trainer:1", endpoint=cloud.endpoint
        )
        return backend_of(replace(settings, **others), plan=plan, bucket=bucket, clock=clock)

    return open_vertex


@pytest.fixture
def space_of_four() -> SearchSpace:
    """Return one parameter of each kind."""
    return SearchSpace.of(
        {
            "count_rate": {"type": "double", "min": 1e-5, "max": 3e-4, "scale": "log"},
            "count_batch": {"type": "discrete", "values": [64, 128, 256]},
            "count_depth": {"type": "integer", "min": 1, "max": 4},
            "count_net_arch": {"type": "categorical", "values": ["small", "large"]},
        }
    )
